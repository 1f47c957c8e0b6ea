"""The names of the collar's settings, by their number in a CONFIG payload (config.py).

The collar's own table (firmware/config.py) begins with these, in this order, and knows their
limits; a new setting goes to the end of both.
"""

NAMES = (
    "fix_interval_min_s",
    "fix_interval_max_s",
    "gnss_timeout_s",
    "accuracy_limit_m",
    "pdop_limit_tenths",
    "send_records",
    "send_age_s",
    "status_interval_s",
    "send_age_max_s",
    "target_permille",
    "horizon_days",
    "reserve_days",
    "income_days",
    "tx_power_dbm",
    "wake_max_s",
    "margin_mv",
    "year_least",
    "group_interval_s",
    "group_fixes",
    "grid_h",
    "mortality_s",
    "activity_interval_s",
    "motion_threshold_mg",
    "fence_margin_m",
    "region",
    "channel",
    "sf",
    "spread_permille",
)
