from firmware import due, energy, groups, purse, rota, schedule
from firmware.block import State
from firmware.boards._costs_collar_l476 import COSTS
from firmware.config import Settings

NOW = 1790000000 // 86400 * 86400
DAY = 86400
TARGET_UJ = 51840000  # of 192 J, `target_permille`


def state(**values):
    """A collar in the middle of its life: still, its last fix six hours ago."""
    block = State()
    block.answered = block.fixes = 1
    block.tried_at_s = block.fix_at_s = block.still_at_s = block.sent_at_s = NOW - 21600
    block.backbone_at_s = block.status_at_s = block.purse_at_s = NOW
    block.grid_h = 24
    block.income_uj, block.mean_mg = 2000000, 100
    for name in values:
        setattr(block, name, values[name])
    return block


def seen(now_s=NOW + 60, known=True, energy_uj=TARGET_UJ, waiting=0, oldest_at_s=NOW, **more):
    urgent, frame_uj = more.get("urgent", False), more.get("frame_uj", 60000)
    free_at_s, aid_uj = more.get("free_at_s", 0), more.get("aid_uj", 0)
    hello_at_s = more.get("hello_at_s", 0)
    return schedule.Seen(
        now_s,
        known,
        energy_uj,
        waiting,
        oldest_at_s,
        urgent,
        frame_uj,
        free_at_s,
        aid_uj,
        hello_at_s,
    )


def decide(block, **what):
    return schedule.decide(block, COSTS, Settings(), seen(**what))


def fix(block, now_s, seconds, **what):
    """Decide, search for `seconds`, end with a fix; returns the decision."""
    decision = decide(block, now_s=now_s, **what)
    assert decision.task == schedule.TASK_FIX
    schedule.begin_fix(block, now_s)
    end_s, on_ms = now_s + seconds, seconds * 1000
    knows = decision.knows
    heard = decision.renews or knows <= energy.STALE
    schedule.take_fix(block, decision, end_s, 0)
    schedule.end_fix(block, COSTS, Settings(), decision, knows, end_s, on_ms, True, heard)
    return decision


def test_a_collar_that_never_tried_tries_at_once():
    decision = decide(State(), known=False)
    assert (decision.task, decision.knows) == (schedule.TASK_FIX, energy.COLD)
    assert decide(State()).reason == due.REASON_FIRST


def test_an_attempt_in_the_future_is_a_wrong_clock():
    assert decide(state(tried_at_s=NOW + 100000)).task == schedule.TASK_FIX


def test_a_poor_and_still_collar_sleeps():
    decision = decide(state())
    assert decision.task == schedule.TASK_SLEEP
    assert decision.wake_s > 1800


def test_a_full_purse_opens_a_group():
    decision = decide(state(purse_uj=9000000))
    assert (decision.task, decision.reason) == (schedule.TASK_FIX, due.REASON_MOTION)
    assert decision.opens


def test_motion_opens_a_group_with_less_in_the_purse():
    some = {"purse_uj": 8000000, "walk": [1000000, 144000, 1440]}  # 100 mg on the mean
    assert decide(state(motion_since=100, **some), now_s=NOW + 1800).task == schedule.TASK_SLEEP
    moving = state(motion_since=300000, **some)
    assert decide(moving, now_s=NOW + 1800).reason == due.REASON_MOTION


def test_a_group_goes_on_every_half_hour_and_then_with_new_ephemerides():
    block = state(purse_uj=9000000)
    fix(block, NOW + 1800, 40)
    decisions = [fix(block, NOW + 1850 * n, 2) for n in range(2, 2 + block.group_left)]
    renewing = [number for number, one in enumerate(decisions, 2) if one.renews]
    assert {one.reason for one in decisions} == {due.REASON_GROUP}
    assert len(renewing) >= 2
    assert renewing[0] > 4
    assert block.group_left == 0


def running(data_at_s=NOW - 7200, group_left=16):
    """A collar whose chain of groups is to go on with new ephemerides."""
    young = {"data_at_s": data_at_s, "group_left": group_left}
    return state(purse_uj=0, fix_at_s=NOW, tried_at_s=NOW, **young)


def test_a_chain_goes_on_with_new_ephemerides_not_from_cold():
    assert decide(running(), now_s=NOW + 1800).renews
    assert decide(running(group_left=0), now_s=NOW + 1800).task == schedule.TASK_SLEEP


def test_a_group_too_old_to_go_on_cheaply_renews_or_ends():
    old = NOW - 12000
    assert decide(running(old), now_s=NOW + 1800).renews
    assert not decide(running(old, 3), now_s=NOW + 1800).renews


def test_a_renewing_fix_that_heard_nothing_new_leaves_the_data_old():
    for heard, known in ((True, energy.OWN), (False, energy.STALE)):
        block = running()
        decision = decide(block, now_s=NOW + 1800)
        end_s = NOW + 1830
        schedule.begin_fix(block, NOW + 1800)
        schedule.take_fix(block, decision, NOW + 1810, 0)
        schedule.end_fix(
            block, COSTS, Settings(), decision, decision.knows, end_s, 30000, True, heard
        )
        assert energy.knows(block, end_s + 7200 + 300) == known + (3 if heard else 0)


def test_an_animal_that_lies_is_looked_at_more_often_until_rest_is_known():
    poor = {"purse_uj": -9000000, "income_uj": 600000, "mean_mg": 0}
    assert decide(state(**poor)).wake_s == 2700
    assert decide(state(rest_ss=1, standby_pw=3000000, **poor)).wake_s > 18000
    assert decide(state(**poor), now_s=10**6, known=False).wake_s != 2700
    assert decide(state(low=1, **poor)).wake_s > 18000


def group(block, now_s=NOW, budget_uj=2000000, aid_uj=0, **settings):
    return groups.best_group(block, COSTS, Settings(**settings), now_s, budget_uj, aid_uj)


def test_a_group_ends_where_the_next_fix_is_dearer_than_its_average():
    cheap, dear = State(), State()
    cheap.fix_at_s = dear.fix_at_s = 1
    dear.search_uj[energy.OWN + 1] = dear.search_uj[energy.OWN + 2] = 3000000
    assert group(cheap).size > 2 == group(dear).size


def test_fixes_come_one_by_one_where_that_costs_little_more():
    poor, rich = (group(State(), budget_uj=uj, aid_uj=90000) for uj in (1000000, 40000000))
    assert poor.size > 1 == rich.size
    assert group(State(), budget_uj=1000000, aid_uj=90000, spread_permille=9000).size == 1


def test_a_fix_with_young_ephemerides_is_due_sooner_than_an_opening():
    walk = {"walk": [1000000, 144000, 1440], "motion_since": 4000, "fix_at_s": NOW - 3600}
    walk["income_uj"] = 20000000
    young, old = (state(data_at_s=NOW - s, **walk) for s in (1800, 36000))
    alone = Settings(spread_permille=9000)
    now = seen(now_s=NOW + 1800)
    first, second = (schedule.decide(one, COSTS, alone, now) for one in (young, old))
    assert (first.task, first.opens) == (schedule.TASK_FIX, False)
    assert second.task == schedule.TASK_SLEEP


def test_the_backbone_stays_on_its_grid_whatever_moves():
    block = state(motion_since=100000, walk=[1000000, 144000, 1440])
    midnight = NOW + DAY
    decision = decide(block, now_s=midnight - 7200)
    assert decision.wake_s <= 7200 or decision.task == schedule.TASK_FIX
    on_time = schedule.decide(state(), COSTS, Settings(grid_h=24), seen(now_s=midnight + 5))
    assert (on_time.task, on_time.reason) == (schedule.TASK_FIX, due.REASON_BACKBONE)


def test_the_backbones_grid_takes_a_quarter_of_the_budget():
    block = state(grid_h=0)
    decide(block)
    budget_uj = purse.budget_uj_per_day(block, COSTS, Settings(), TARGET_UJ)
    found = group(block, budget_uj=budget_uj)
    cost_uj = found.cost_uj // found.chain
    assert budget_uj // 8 < cost_uj * 24 // block.grid_h <= budget_uj // 4


def test_an_inventory_is_told_when_nothing_else_is_to_do():
    def calm(**values):
        return state(sent_at_s=NOW - 9 * DAY, **values)

    assert decide(calm(), hello_at_s=NOW).task == schedule.TASK_LISTEN
    assert decide(calm(), hello_at_s=NOW, waiting=8).task == schedule.TASK_SEND
    assert decide(calm(purse_uj=9000000), hello_at_s=NOW).task == schedule.TASK_FIX
    assert decide(calm(), hello_at_s=NOW, energy_uj=20000000).task == schedule.TASK_SLEEP
    assert decide(calm(), hello_at_s=NOW + 360).wake_s == 300
    assert decide(calm(send_after_s=NOW + 360), hello_at_s=NOW).wake_s == 300


def test_a_failed_search_backs_off_doubling():
    waits = []
    for failed in (1, 2, 3, 9):
        block = state(purse_uj=9000000, failed_in_row=failed, tried_at_s=NOW, backbone_at_s=NOW)
        block.failed_in_row, t = failed, NOW + 60
        while decide(block, now_s=t).task == schedule.TASK_SLEEP:
            t += 60
        waits.append(t - NOW)
    assert waits[:3] == [3600, 7200, 14400]
    assert waits[3] == 21600


def test_dead_animals_are_located_every_half_hour():
    block = state(mortal=1, alarm_fixes=12)
    assert decide(block).reason == due.REASON_MORTALITY
    fix(block, NOW + 60, 30)
    assert block.alarm_fixes == 11


def test_a_station_can_ask_for_a_fix():
    block = state(locate=1)
    assert fix(block, NOW + 60, 30).reason == due.REASON_COMMAND
    assert block.locate == 0


def fail(block, now_s):
    """Search in vain; returns the decision that led to it."""
    decision = decide(block, now_s=now_s)
    assert decision.task == schedule.TASK_FIX
    schedule.begin_fix(block, now_s)
    knows, end_s = decision.knows, now_s + 10
    schedule.end_fix(block, COSTS, Settings(), decision, knows, end_s, 10000, False, False)
    return decision


def test_a_fix_asked_for_is_tried_at_once_and_then_backs_off():
    block = state(locate=1, failed_in_row=5)
    assert fail(block, NOW + 60).reason == due.REASON_COMMAND
    assert decide(block, now_s=NOW + 70).wake_s > 1800
    assert fail(block, NOW + 60 + 21600).reason == due.REASON_COMMAND


def test_a_dead_animal_under_a_closed_sky_is_not_searched_for_ever():
    block, now_s = state(mortal=1, alarm_fixes=12), NOW + 60
    for _ in range(12):
        assert fail(block, now_s).reason == due.REASON_MORTALITY
        now_s += 21600
    assert block.alarm_fixes == 0


def test_a_death_before_the_first_fix_is_not_searched_for_ever():
    block, now_s = state(mortal=1, alarm_fixes=12, fixes=0, failed_in_row=1), NOW + 60
    for _ in range(12):
        assert fail(block, now_s).reason == due.REASON_MORTALITY
        now_s += 21600
    assert block.alarm_fixes == 0


def test_a_renewal_in_vain_is_not_tried_again_for_some_groups():
    block = running()
    decision = decide(block, now_s=NOW + 1800)
    assert decision.renews
    end_s, knows = NOW + 1840, decision.knows
    schedule.take_fix(block, decision, end_s, 0)
    schedule.end_fix(block, COSTS, Settings(), decision, knows, end_s, 40000, True, False)
    assert group(block).chain == 1
    opening = decide(state(purse_uj=9000000), now_s=NOW + 1800)
    assert opening.opens
    for _ in range(4):
        schedule.end_fix(block, COSTS, Settings(), opening, energy.STALE, end_s, 40000, True, True)
    assert group(block).chain > 1


def test_a_fence_watch_of_a_clock_that_was_wrong_does_not_last():
    right, wrong = (state(fence_until_s=NOW + s, fix_at_s=NOW) for s in (3600, 400 * DAY))
    assert decide(right).wake_s < decide(wrong).wake_s


def test_without_a_budget_short_sleeps_of_the_settings_do_not_count():
    poor = state(income_uj=0, purse_uj=-9000000, rest_ss=1, standby_pw=3000000)
    idle = schedule.decide(poor, COSTS, Settings(wake_max_s=600), seen(energy_uj=9000000))
    assert idle.wake_s > 3600


def test_aid_is_asked_for_where_it_is_cheaper():
    assert decide(state(purse_uj=9000000), now_s=NOW + 1800, aid_uj=100000).aid
    assert not decide(state(purse_uj=9000000), now_s=NOW + 1800).aid


def test_aid_that_costs_more_than_it_saves_is_not_asked_for():
    assert not decide(state(purse_uj=9000000), now_s=NOW + 1800, aid_uj=3000000).aid


def test_an_aided_group_goes_on_with_the_stations_ephemerides():
    block = state(purse_uj=9000000)
    decision = decide(block, now_s=NOW + 1800, aid_uj=100000)
    schedule.end_aid(block, NOW + 1802, 100000, True)
    known = energy.knows(block, NOW + 1802)
    assert known == energy.AIDED
    schedule.take_fix(block, decision, NOW + 1810, 0)
    schedule.end_fix(block, COSTS, Settings(), decision, known, NOW + 1810, 6000, True, False)
    later = fix(block, NOW + 3700, 3, aid_uj=100000)
    assert (later.knows, later.aid) == (energy.OWN, False)


def test_nothing_waiting_sends_nothing():
    assert decide(state()).task != schedule.TASK_SEND


def test_enough_records_are_sent_at_once():
    assert decide(state(), waiting=8).task == schedule.TASK_SEND


def test_few_records_wait_until_the_oldest_is_twelve_hours_old():
    def at_s(oldest_at_s):
        few = seen(waiting=3, oldest_at_s=oldest_at_s)
        return rota.send_at_s(state(sent_at_s=0), Settings(), few, 9000000)

    assert at_s(NOW - 3600) == NOW + 11 * 3600
    assert at_s(NOW - DAY) == NOW + 60
    assert at_s(NOW + DAY) == NOW + 60 + DAY // 2


def test_a_small_budget_makes_frames_rare():
    few = seen(waiting=3, oldest_at_s=NOW - DAY)
    block = state(sent_at_s=NOW - DAY)
    assert rota.send_at_s(block, Settings(), few, 200000) > NOW + DAY


def test_a_collar_nobody_has_answered_sends_its_first_record():
    assert decide(state(answered=0), waiting=1).task == schedule.TASK_SEND


def test_back_off_and_duty_cycle_are_kept():
    assert decide(state(send_after_s=NOW + 300), waiting=8).wake_s == 240
    assert decide(state(), waiting=8, free_at_s=NOW + 120).wake_s == 60


def test_a_back_off_of_years_is_a_wrong_clock():
    assert decide(state(send_after_s=NOW + 1000 * DAY), waiting=8).task == schedule.TASK_SEND


def test_an_alarm_goes_before_a_fix_and_may_use_the_reserve():
    first = decide(State(), waiting=1, urgent=True, energy_uj=20000000)
    assert first.task == schedule.TASK_SEND
    assert decide(state(), waiting=8, energy_uj=20000000).task == schedule.TASK_SLEEP


def test_an_alarm_does_not_wait_for_the_clock():
    assert decide(State(), known=False, waiting=1, urgent=True).task == schedule.TASK_SEND


def test_without_a_clock_the_search_backs_off_to_six_hours():
    waits = [due.search_again_s(n, 21600) for n in range(12)]
    assert waits[:4] == [300, 300, 600, 1200]
    assert waits[-1] == 21600


def test_a_poor_collar_thins_its_regular_records():
    poor, rich = state(income_uj=600000), state(income_uj=9000000)
    for block in (poor, rich):
        decide(block)
    assert (poor.thin, rich.thin) == (4, 0)
    gaps_s = [rota.status_at_s(one, Settings(), NOW) - NOW for one in (poor, rich)]
    assert gaps_s == [4 * DAY, DAY]
    assert rota.activity_at_s(poor, Settings(), NOW) - NOW == 4 * DAY


def test_status_is_due_daily():
    late = state(status_at_s=NOW - 3600)
    assert rota.status_at_s(state(status_at_s=0), Settings(), NOW) == NOW
    assert rota.status_at_s(late, Settings(), NOW) == NOW - 3600 + DAY


def test_looking_costs_a_hundredth_of_the_budget_at_most():
    rich = decide(state(income_uj=10000000, grid_h=0, purse_uj=-9000000))
    poor = decide(state(purse_uj=-9000000, income_uj=600000))
    assert 1800 <= rich.wake_s <= 2600
    assert 18000 <= poor.wake_s <= 21600


def test_a_wake_falls_on_the_moment_stillness_becomes_an_alarm():
    block = state(still_at_s=NOW - 86400 + 5000, purse_uj=-9000000, income_uj=600000)
    assert decide(block).wake_s == 5000 - 60


def test_a_chain_is_begun_only_if_all_of_it_can_be_paid():
    block = state(purse_uj=9000000, fix_at_s=NOW - 60 * DAY, tried_at_s=NOW - 60 * DAY)
    block.backbone_at_s = NOW
    keep_uj = purse.reserve_uj(block, COSTS, Settings())
    assert decide(block, energy_uj=keep_uj + 3000000).task == schedule.TASK_SLEEP
    assert decide(block, energy_uj=keep_uj + 15000000).opens


def test_a_search_ends_before_it_touches_the_reserve():
    block = state()
    keep_uj = purse.reserve_uj(block, COSTS, Settings())
    limits = [
        due.limit_ms(block, COSTS, Settings(), keep_uj + more_uj, energy.STALE, 0)
        for more_uj in (200000, 3000000, 20000000)
    ]
    assert limits[0] == 0 < limits[1] < limits[2]
    assert energy.search_uj(block, COSTS, limits[1]) + COSTS.boot_uj <= 3000000
