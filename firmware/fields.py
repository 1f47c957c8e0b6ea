"""Fields of the state block (block.py): name, struct code, value where nothing is remembered.

A code with a count is a list. A field is added at the end, in place of spare bytes, so that an
older block still reads, with 0 for it; and as an attribute of `block.State`. A block of another
size or order does not read: the collar begins anew, and its log goes on.
"""

FIELDS = (
    ("generation", "I", 0),
    ("newest", "I", 0),  # newest record when last committed: the log is searched from here
    # --- fixes (schedule.py)
    ("tried_at_s", "I", 0),  # last attempt at a fix, 0 none
    ("fix_at_s", "I", 0),  # last fix, 0 none
    ("failed_in_row", "B", 0),  # attempts without a fix since the last one
    ("group_left", "B", 0),  # fixes still to come in the running group
    ("grid_h", "H", 0),  # of the backbone
    ("backbone_at_s", "I", 0),  # last fix of the backbone
    ("phase_s", "H", 0),  # of the slots, differs between collars
    ("locate", "B", 0),  # a station asks for a fix; 2: it was tried
    # --- frames (link.py, outbox.py)
    ("sf", "B", 9),
    ("misses", "B", 0),  # frames without an answer since the last one
    ("draining", "B", 0),  # the last frame was answered and more records wait
    ("sent_at_s", "I", 0),  # last frame
    ("send_after_s", "I", 0),  # no frame before this time
    ("send_from", "I", 0),  # record the next frame starts with, 0 the oldest (outbox.py)
    ("round_at_s", "I", 0),  # when such frames last began with the oldest
    # --- energy (energy.py)
    ("anchor_at_s", "I", 0),  # start of the running energy balance, 0 none
    ("anchor_uj", "i", 0),  # stored energy then
    ("spent_uj", "I", 0),  # booked since then
    ("income_uj", "I", 0),  # learned income per day
    ("learned_s", "I", 0),  # time the income was learned over
    ("standby_pw", "I", 0),  # learned power of the collar asleep, besides
    ("leakage_pw", "I", 0),  # learned leakage of the full storage
    ("purse_uj", "i", 0),  # budget come in and not spent
    ("purse_at_s", "I", 0),  # when it was last filled, 0 never
    ("esr_mohm", "H", 0),  # learned series resistance of the storage, 0 unknown
    ("search_permille", "H", 1000),  # learned power of a search, of the table's
    ("search_uj", "12I", 0),  # learned mean cost of a search with a fix, by what the receiver knew
    ("search_ms", "12I", 0),  # its mean time
    ("vain_uj", "I", 0),  # learned cost of searches without a fix, per fix
    ("vain_now_uj", "I", 0),  # since the last fix
    ("search_count", "12B", 0),
    ("data_at_s", "I", 0),  # when the receiver last took up ephemerides, 0 never
    ("aid_uj", "I", 0),  # learned cost of asking for them
    ("aid_at_s", "I", 0),  # when a station last gave ephemerides, 0 never
    # --- motion (motion.py)
    ("still_at_s", "I", 0),  # still since, 0 unknown
    ("wakes", "B", 0),  # wakes in the interval of the next activity record
    ("moved_wakes", "B", 0),
    ("intensity_sum", "I", 0),  # [mg]
    ("activity_at_s", "I", 0),  # its start
    ("activity_uj", "I", 0),  # income in it so far
    ("mortal", "B", 0),  # the mortality alarm stands
    ("revival", "B", 0),  # evidence against it
    ("alarm_fixes", "B", 0),  # fixes of the alarm still to come
    ("alarm_record", "I", 0),  # newest alarm record, 0 none
    ("low", "B", 0),  # the alarm of low energy stands
    # --- fences (fence.py)
    ("fence_inside", "B", 0),  # bit per fence
    ("fence_known", "B", 0),
    ("fence_until_s", "I", 0),  # fixes in every slot until then
    ("lat_e5", "i", 0),  # last fix
    ("lon_e5", "i", 0),
    # --- clock (moment.py)
    ("era", "B", 0),  # counts losses of the clock
    ("era_zero_s", "16I", 0),  # Unix time at which era % 16 began, 0 unknown
    ("set_at_s", "I", 0),  # when the clock was last set, 0 unknown
    ("drift_ppb", "i", 0),  # learned, positive runs fast
    # --- orders (orders.py)
    ("downlink", "I", 0),  # counter of the last order
    ("order_result", "B", 0),
    ("order_told", "B", 1),  # a station knows what became of it
    ("hello_at_s", "I", 0),  # last inventory sent
    ("send_next", "I", 0),  # where to go on after a frame without an answer, 0 the oldest
    ("arm_at_s", "I", 0),  # drop-off armed, 0 not
    ("arm_code", "H", 0),
    ("sleep_until_s", "I", 0),  # hibernation
    # --- counters
    ("thin", "B", 0),  # a poor collar's regular records are so many times half as frequent
    ("status_at_s", "I", 0),  # last status record, 0 none
    ("boots", "I", 0),
    ("fixes", "H", 0),
    ("failed_fixes", "H", 0),
    ("frames", "H", 0),
    ("answered", "H", 0),
    ("brownouts", "H", 0),
    ("watchdogs", "H", 0),
    ("broken_wakes", "H", 0),  # begun and not completed
    ("errors", "H", 0),
    ("lost_records", "H", 0),  # unreadable or overwritten before any station had them
    ("config_version", "I", 0),  # settings under which a wake was completed
    ("faults", "H", 0),  # bit per part that fails, noted once (health.py)
    ("error_task", "B", 0),
    ("error_name", "15s", b""),
    ("order", "I", 0),  # sequence of the last order
    ("settings_order", "I", 0),  # sequence of the configuration in force
    # --- rest (learning.py): what its filter holds, with variances and covariances
    ("calm_at_s", "I", 0),  # its last reading, 0 none
    ("calm_uj", "i", 0),  # stored energy then, less what was booked since; e in what follows
    ("calm_mg", "H", 0),  # motion then
    ("calm_ee", "q", 0),
    ("calm_es", "q", 0),  # with standby_pw
    ("calm_el", "q", 0),  # with leakage_pw
    ("rest_ss", "q", 0),  # 0: the table's are still to be taken
    ("rest_sl", "q", 0),
    ("rest_ll", "q", 0),
    ("quiet_mg", "H", 65535),  # the least motion ever felt: the sensor's noise
    ("usual_mg", "I", 0),  # mean motion, in sixteenths
    ("usual_at_s", "I", 0),  # when that was last added to, 0 never
    ("mean_mg", "H", 0),  # intensity of motion at the last wake
    ("vain_renewals", "B", 0),  # groups to open before ephemerides are renewed again
    # --- what was proved
    ("drift_off_ppb", "I", 0),  # how far the corrected clock drifts, 0 unknown (moment.py)
    ("seen_uv", "I", 0),  # last voltage (learning.py)
    ("trusted_uv", "I", 0),  # and the last other one
    ("seen_times", "B", 0),  # wakes in a row that read just this
    ("drawn_uj", "I", 0),  # booked meanwhile
    ("answered_version", "I", 0),  # settings under which a station last answered (orders.py)
    # --- what a fix tells and costs (stride.py, groups.py)
    ("motion_since", "I", 0),  # of the animal since the last fix [mg min]
    ("felt_at_s", "I", 0),  # when that was last counted, 0 never
    ("walk", "3I", 0),  # between fixes: sums of their squared distances [m2], motion, minutes
)
