"""The state block: what a collar remembers from wake to wake, rewritten at every wake."""

import struct

from ._typing import TYPE_CHECKING
from .fields import FIELDS
from .layout import ADDRESS_STATE
from .store import Pair

if TYPE_CHECKING:
    from .board import Fram

_SEED_STATE = 0x1D03

_PER_GENERATION = ("fixes", "failed_fixes", "frames", "answered", "brownouts", "lost_records")
_FORMAT = "<" + "".join(field[1] for field in FIELDS)
_STATE_BYTES = 554  # of payload, the rest is spare
_LIMITS = {  # least and most of a struct code
    "B": (0, 0xFF),
    "H": (0, 0xFFFF),
    "I": (0, 0xFFFFFFFF),
    "i": (-0x80000000, 0x7FFFFFFF),
    "q": (-0x8000000000000000, 0x7FFFFFFFFFFFFFFF),
}


def _count(code: str) -> int:
    """Return how many values a field's code stands for; 0 for a plain one."""
    return int(code[:-1]) if len(code) > 1 and code[-1] != "s" else 0


class State:
    """The state block as attributes, one per field of `FIELDS`; unsigned ones saturate."""

    generation: int
    newest: int
    tried_at_s: int
    fix_at_s: int
    failed_in_row: int
    group_left: int
    grid_h: int
    backbone_at_s: int
    phase_s: int
    locate: int
    sf: int
    misses: int
    draining: int
    sent_at_s: int
    send_after_s: int
    send_from: int
    round_at_s: int
    anchor_at_s: int
    anchor_uj: int
    spent_uj: int
    income_uj: int
    learned_s: int
    standby_pw: int
    leakage_pw: int
    purse_uj: int
    purse_at_s: int
    esr_mohm: int
    search_permille: int
    search_uj: "list[int]"
    search_ms: "list[int]"
    vain_uj: int
    vain_now_uj: int
    search_count: "list[int]"
    data_at_s: int
    aid_uj: int
    aid_at_s: int
    still_at_s: int
    wakes: int
    moved_wakes: int
    intensity_sum: int
    activity_at_s: int
    activity_uj: int
    mortal: int
    revival: int
    alarm_fixes: int
    alarm_record: int
    low: int
    fence_inside: int
    fence_known: int
    fence_until_s: int
    lat_e5: int
    lon_e5: int
    era: int
    era_zero_s: "list[int]"
    set_at_s: int
    drift_ppb: int
    downlink: int
    order_result: int
    order_told: int
    hello_at_s: int
    send_next: int
    arm_at_s: int
    arm_code: int
    sleep_until_s: int
    thin: int
    status_at_s: int
    boots: int
    fixes: int
    failed_fixes: int
    frames: int
    answered: int
    brownouts: int
    watchdogs: int
    broken_wakes: int
    errors: int
    lost_records: int
    config_version: int
    faults: int
    error_task: int
    error_name: bytes
    order: int
    settings_order: int
    calm_at_s: int
    calm_uj: int
    calm_mg: int
    calm_ee: int
    calm_es: int
    calm_el: int
    rest_ss: int
    rest_sl: int
    rest_ll: int
    quiet_mg: int
    usual_mg: int
    usual_at_s: int
    mean_mg: int
    vain_renewals: int
    drift_off_ppb: int
    seen_uv: int
    trusted_uv: int
    seen_times: int
    drawn_uj: int
    answered_version: int
    motion_since: int
    felt_at_s: int
    walk: "list[int]"

    def __init__(self) -> None:
        for name, code, value in FIELDS:
            count = _count(code)
            setattr(self, name, [value] * count if count else value)

    def restart(self, generation: int) -> None:
        """Forget what counted in another generation; what was learned stays."""
        self.generation = generation
        self.newest = self.send_from = self.send_next = self.alarm_record = 0
        for name in _PER_GENERATION:
            setattr(self, name, 0)

    def pack(self) -> bytes:
        """Return the payload of the state block; values beyond a field's range saturate."""
        data = bytearray(_STATE_BYTES)
        at = 0
        for name, code, _ in FIELDS:
            value = getattr(self, name)
            kind = "<" + code[-1:]
            if kind == "<s":
                data[at : at + 15] = (value + bytes(15))[:15]
                at += 15
                continue
            least, most = _LIMITS[code[-1]]
            for one in value if isinstance(value, list) else (value,):
                struct.pack_into(kind, data, at, max(least, min(one, most)))
                at += struct.calcsize(kind)
        return bytes(data)

    def unpack(self, payload: bytes) -> None:
        """Take all fields from a payload made by `pack`."""
        values = struct.unpack_from(_FORMAT, payload)
        at = 0
        for name, code, _ in FIELDS:
            count = _count(code)
            setattr(self, name, list(values[at : at + count]) if count else values[at])
            at += count or 1

    def load(self, fram: "Fram") -> bool:
        """Take all fields from FRAM; returns False, and keeps the defaults, when none is whole."""
        payload = Pair(fram, ADDRESS_STATE, _STATE_BYTES, _SEED_STATE).load()
        if payload is None:
            return False
        self.unpack(payload)
        return True

    def commit(self, fram: "Fram") -> None:
        """Write all fields to FRAM, whole or not at all."""
        Pair(fram, ADDRESS_STATE, _STATE_BYTES, _SEED_STATE).store(self.pack())
