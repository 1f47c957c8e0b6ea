"""The rules others plan by, on the same hardware: Kinefox's two voltages, and a fixed interval.

Both batch eight fixes into a frame, send nothing else and never look around: their wakes and
frames cost them less than ours. They stop where a search would pull the rail down.
"""

from collections.abc import Callable

from hardware.budget.life import Life

_RECORDS_PER_FRAME = 8
_STOP_V = 2.30  # no search below: sag of a cold storage, and the voltage read 2 % wrong
_RICH_V, _POOR_V = 3.55, 2.9
_PATIENCE_S = 120.0
_LEAST_S = 1800.0
_COARSE, _FINE = 6, 36  # steps of an octave


def kinefox_wants(volts: float, wakes: int) -> bool:
    """Whether Kinefox takes a fix at this wake (firmware v4, main.cpp)."""
    return volts > _RICH_V or (volts > _POOR_V and wakes % 6 == 0)


def kinefox_waits_s(volts: float) -> int:
    """Seconds until its next wake."""
    return 3600 if volts > _RICH_V else 4 * 3600


def kinefox(life: Life, frame_j: float) -> None:
    """Kinefox's rule: above 3.55 V a fix an hour, above 2.9 V one a day.

    Between, it wakes every four hours and fixes at every sixth wake; at 2.9 V and below it sleeps
    four hours and looks again. Its receiver starts cold and gives up after 254 s.
    """
    wakes = 0
    while not life.over:
        life.boot()
        volts = life.read_uv() / 1e6
        wakes += 1
        if kinefox_wants(volts, wakes):
            _fix(life, frame_j, 254.0, restored=False)
        life.sleep(kinefox_waits_s(volts))


def fixed(life: Life, interval_s: float, frame_j: float) -> None:
    """A fix every `interval_s`, told the receiver's own data while they are young."""
    due_s = life.t_s
    while not life.over:
        life.boot()
        if life.read_uv() / 1e6 > _STOP_V:
            _fix(life, frame_j, _PATIENCE_S, restored=True)
        due_s = max(due_s + interval_s, life.t_s)
        life.sleep(min(due_s, life.end_s) - life.t_s + 1e-3)


def _fix(life: Life, frame_j: float, patience_s: float, restored: bool) -> None:
    if restored and life.aid_j is not None and life.orbits() < life.receiver.least:
        life.ask_for_aid()
    _, found = life.search(patience_s, restored)
    if found and len(life.diary.fixes_s) % _RECORDS_PER_FRAME == 0:
        life.send(frame_j)


def neutral_interval_s(life: Life, per_fix_j: float) -> float:
    """A first guess of the interval whose fixes cost what comes in."""
    days = life.end_s / 86_400
    net_j = life.income_j(0.0, life.end_s) - life.asleep_w * life.end_s
    net_j -= life.leak_per_s * (life.zero_j + life.start_j) * life.end_s
    return float(86_400 * days * per_fix_j / max(net_j, per_fix_j))


def hindsight(born: Callable[[], Life], around_s: float, frame_j: float) -> tuple[float, Life]:
    """The fixed interval with most fixes that stays neutral, chosen when the year is over.

    Neutral: no brown-out, and no less stored at the end than at the start. Found by trying, from
    the shortest on, until one stays neutral: an octave around the guess either way (own data may
    make a shorter interval the cheaper one), then in the last step of that, closer.

    Raises:
        ValueError: None stays neutral.
    """
    best: tuple[float, Life] | None = None
    for step in range(-_COARSE, _COARSE + 1):
        best = _neutral(born, around_s * 2.0 ** (step / _COARSE), frame_j)
        if best is not None:
            break
    if best is None:
        raise ValueError(f"no fixed interval near {around_s:.0f} s stays neutral")
    for step in range(1 - _FINE // _COARSE, 0):
        finer = _neutral(born, best[0] * 2.0 ** (step / _FINE), frame_j)
        if finer is not None:
            return max(best, finer, key=lambda one: one[1].diary.counted())
    return best


def _neutral(
    born: Callable[[], Life], interval_s: float, frame_j: float
) -> tuple[float, Life] | None:
    """The interval, in whole seconds, and its life; None when that does not stay neutral."""
    interval_s, life = max(_LEAST_S, float(round(interval_s))), born()
    fixed(life, interval_s, frame_j)
    return (interval_s, life) if life.neutral else None
