"""Costs of the collar. Written by `python -m hardware.describe`: do not edit."""

from ..board import Costs

COSTS = Costs(
    capacitance_mf=40000,
    esr_mohm=100,
    full_uv=3800000,
    empty_uv=2200000,
    brownout_uv=2200000,
    standby_nw=2676,
    leakage_nw=1900,
    gauge_short_uv=206,
    gauge_long_uv=70,
    gauge_long_uj=1080,
    boot_uj=2880,
    frame_uj=5040,
    processor_uw=24000,
    processor_sleep_uw=6824,
    processor_stop_uw=17,
    gnss_search_uw=46000,
    gnss_search_s=40,
    radio_tx_uw=99000,
    radio_tx_dbm=14,
    radio_rx_uw=17859,
    antenna_gain_cdbi=0,
)
