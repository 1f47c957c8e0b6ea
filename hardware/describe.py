"""Checks `hardware/collar.toml` and writes from it the modules the firmware is frozen with.

The collar's hardware is described once; pins and costs on the collar can therefore not differ from
what the twin simulates. Run `python -m hardware.describe` after a change of the TOML, and
`--check` to prove that the generated modules are current.

    DescriptionError(ValueError)   every fault of the file at once, one line each
"""

import argparse
import sys
import tomllib
from math import isqrt
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TOML = ROOT / "hardware" / "collar.toml"
BOARD = "collar_l476"

#: What must be there, by section. `pins` may hold pin names, everything else is an integer.
_REQUIRED = {
    "storage": ("capacitance_mf", "esr_mohm", "full_uv", "empty_uv", "brownout_uv", "leakage_na"),
    "converter": (
        "rail_mv",
        "efficiency_permille",
        "quiescent_na",
    ),
    "processor": (
        "standby_na",
        "stop_ua",
        "sleep_ua",
        "run_ua",
        "boot_ms",
        "wake_ms",
        "frame_ms",
        "watchdog_ms",
        "wakeup_max_s",
    ),
    "gnss": (
        "acquisition_ua",
        "tracking_ua",
        "supply_mv",
        "io_ua",
        "cold_start_ms",
        "field_start_ms",
        "baud",
        "buffer_bytes",
    ),
    "radio": (
        "tx_ua",
        "tx_dbm",
        "rx_ua",
        "supply_mv",
        "sleep_na",
        "antenna_gain_dbi",
        "startup_ms",
    ),
    "fram": ("size_bytes", "sleep_na", "active_ua", "bus_baud"),
    "rtc": ("drift_ppm",),
    "accelerometer": ("supply_na",),
    "gauge": (
        *("divider_ua", "divider_permille", "noise_uv", "reference_uv"),
        *("settle_ms", "sample_ms", "short_count", "long_count"),
    ),
    "generator": ("default_mj_per_day",),
    "pins": (
        "fram_spi",
        "fram_cs",
        "accel_cs",
        "fram_power",
        "radio_spi",
        "radio_cs",
        "radio_busy",
        "radio_dio1",
        "radio_reset",
        "radio_switch",
        "gnss_uart",
        "gnss_power",
        "gauge_adc",
        "gauge_power",
    ),
}
_UNITS = (
    *("mf", "mohm", "uv", "mv", "ua", "na", "ms", "s", "dbm", "dbi", "permille", "ppm"),
    *("bytes", "dbhz", "baud", "mm", "mg", "mhz", "day", "count"),
)
_MAY_BE_NEGATIVE = ("antenna_gain_dbi", "tx_dbm")

Description = dict[str, dict[str, int | str]]


class DescriptionError(ValueError):
    """The hardware description has the faults listed in `faults`."""

    def __init__(self, path: Path, faults: list[str]) -> None:
        super().__init__("\n".join(f"{path.name}: {fault}" for fault in faults))
        self.faults = faults


def load(path: Path = TOML) -> Description:
    """Return section → name → value of a valid description, without the sources.

    Raises:
        DescriptionError: with every fault found.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DescriptionError(path, [f"cannot be read: {error}"]) from error
    except tomllib.TOMLDecodeError as error:
        raise DescriptionError(path, [f"is not TOML: {error}"]) from error
    faults: list[str] = []
    values: Description = {}
    for section, entries in raw.items():
        if not isinstance(entries, dict):
            faults.append(f"{section} is {entries!r}, expected a section")
            continue
        values[section] = {}
        for name, entry in entries.items():
            fault = _entry_fault(section, name, entry)
            if fault:
                faults.append(f"[{section}] {name} {fault}")
            else:
                values[section][name] = entry["value"]
    for section, names in _REQUIRED.items():
        missing = [name for name in names if name not in raw.get(section, {})]
        faults += [f"[{section}] {name} is missing" for name in missing]
    faults += [] if faults else _contradictions(values)
    if faults:
        raise DescriptionError(path, faults)
    return values


def _entry_fault(section: str, name: str, entry: Any) -> str | None:
    if not isinstance(entry, dict) or set(entry) != {"value", "source"}:
        return f"is {entry!r}, expected {{ value = ..., source = ... }}"
    value, source = entry["value"], entry["source"]
    if not isinstance(source, str) or len(source.strip()) < 5:
        return f'has source {source!r}, expected where the number comes from, or "assumed: ..."'
    if section == "pins":
        if isinstance(value, str) and value[:1] in "ABCDH" and value[1:].isdigit():
            return None
        if isinstance(value, int) and 1 <= value <= 6:
            return None
        return f'is {value!r}, expected a pin such as "B12" or a unit number 1..6'
    if not isinstance(value, int) or isinstance(value, bool):
        return f"is {value!r}, expected an integer"
    if value < 0 and name not in _MAY_BE_NEGATIVE:
        return f"is {value}, expected 0 or more"
    if name.rsplit("_", 1)[-1] not in _UNITS:
        return f"ends in no unit, expected one of {', '.join(_UNITS)}"
    return None


def _contradictions(values: Description) -> list[str]:
    """Return what cannot be true together."""
    faults = []
    storage, converter = _integers(values, "storage"), _integers(values, "converter")
    if not storage["brownout_uv"] <= storage["empty_uv"] < storage["full_uv"]:
        faults.append("[storage] expected brownout_uv <= empty_uv < full_uv")
    if storage["brownout_uv"] < converter["rail_mv"] * 1000:
        faults.append("[storage] brownout_uv is below [converter] rail_mv: a buck cannot step up")
    if not 1 <= converter["efficiency_permille"] <= 1000:
        faults.append(
            f"[converter] efficiency_permille is {converter['efficiency_permille']}, "
            "expected 1..1000"
        )
    top_uv = storage["full_uv"] * _integers(values, "gauge")["divider_permille"] // 1000
    if not 0 < top_uv <= converter["rail_mv"] * 1000:
        faults.append(
            f"[gauge] divider_permille makes {top_uv} uV of the full storage, "
            "expected more than 0 and at most [converter] rail_mv"
        )
    if storage["capacitance_mf"] < 1:
        faults.append("[storage] capacitance_mf is 0, expected more")
    pins = values["pins"]
    names = [value for value in pins.values() if isinstance(value, str)]
    faults += [
        f"[pins] {pin} is used {names.count(pin)} times, expected once"
        for pin in sorted(set(names))
        if names.count(pin) > 1
    ]
    return faults


def _integers(values: Description, section: str) -> dict[str, int]:
    return {name: value for name, value in values[section].items() if isinstance(value, int)}


def costs(values: Description) -> dict[str, int]:
    """Return the fields of `firmware.board.Costs`: integers, at the storage.

    Power at the storage is part current x part voltage / converter efficiency; nano-amperes of the
    sleeping parts are taken at the rail, the converter's own quiescent current and the storage's
    leakage at a full storage.
    """
    storage, converter = _integers(values, "storage"), _integers(values, "converter")
    processor, gnss = _integers(values, "processor"), _integers(values, "gnss")
    radio, rail_mv = _integers(values, "radio"), converter["rail_mv"]

    def at_storage(power: int) -> int:
        return -(-power * 1000 // converter["efficiency_permille"])

    def microwatts(current_ua: int, voltage_mv: int) -> int:
        return at_storage(-(-current_ua * voltage_mv // 1000))

    gauge = _integers(values, "gauge")
    awake_ms = (
        processor["boot_ms"] + processor["wake_ms"] + gauge["settle_ms"] + gauge["sample_ms"]
    )
    sleeping_na = (
        processor["standby_na"]
        + radio["sleep_na"]
        + _integers(values, "fram")["sleep_na"]
        + _integers(values, "accelerometer")["supply_na"]
    )
    longer = gauge["long_count"] // gauge["short_count"]
    run_uw = microwatts(processor["run_ua"], rail_mv)
    acquisition_uw = -(-gnss["acquisition_ua"] * gnss["supply_mv"] // 1000)
    io_uw = -(-gnss["io_ua"] * rail_mv // 1000)
    return {
        "capacitance_mf": storage["capacitance_mf"],
        "esr_mohm": storage["esr_mohm"],
        "full_uv": storage["full_uv"],
        "empty_uv": storage["empty_uv"],
        "brownout_uv": storage["brownout_uv"],
        "standby_nw": at_storage(-(-sleeping_na * rail_mv // 1000))
        + -(-converter["quiescent_na"] * storage["full_uv"] // 1_000_000),
        "leakage_nw": -(-storage["leakage_na"] * storage["full_uv"] // 1_000_000),
        "gauge_short_uv": isqrt(gauge["noise_uv"] ** 2 + gauge["reference_uv"] ** 2),
        "gauge_long_uv": isqrt(gauge["noise_uv"] ** 2 // longer + gauge["reference_uv"] ** 2),
        "gauge_long_uj": -(-run_uw * gauge["sample_ms"] * (longer - 1) // 1000),
        "boot_uj": -(-run_uw * awake_ms // 1000),
        "frame_uj": -(-run_uw * (processor["frame_ms"] + 2 * radio["startup_ms"]) // 1000),
        "processor_uw": run_uw,
        "processor_sleep_uw": microwatts(processor["sleep_ua"], rail_mv),
        "processor_stop_uw": microwatts(processor["stop_ua"], rail_mv),
        "gnss_search_uw": at_storage(acquisition_uw + io_uw),
        "gnss_search_s": -(-gnss["field_start_ms"] // 1000),
        "radio_tx_uw": microwatts(radio["tx_ua"], radio["supply_mv"]),
        "radio_tx_dbm": radio["tx_dbm"],
        "radio_rx_uw": microwatts(radio["rx_ua"], radio["supply_mv"]),
        "antenna_gain_cdbi": 100 * radio["antenna_gain_dbi"],
    }


_HEAD = '''"""{what} of the collar. Written by `python -m hardware.describe`: do not edit."""

'''


def render(values: Description) -> dict[Path, str]:
    """Return path → text of the generated modules."""
    boards = ROOT / "firmware" / "boards"
    pins = _HEAD.format(what="Pins and buses")
    for name, value in values["pins"].items():
        literal = f'"{value}"' if isinstance(value, str) else str(value)
        pins += f"{name.upper()} = {literal}\n"
    for section, name in (
        ("gnss", "baud"),
        ("gnss", "buffer_bytes"),
        ("fram", "size_bytes"),
        ("fram", "bus_baud"),
        ("gauge", "divider_permille"),
        ("gauge", "settle_ms"),
        ("gauge", "short_count"),
        ("gauge", "long_count"),
        ("processor", "watchdog_ms"),
        ("processor", "wakeup_max_s"),
    ):
        pins += f"{section.upper()}_{name.upper()} = {values[section][name]}\n"
    text = _HEAD.format(what="Costs")
    text += "from ..board import Costs\n\nCOSTS = Costs(\n"
    for name, cost in costs(values).items():
        text += f"    {name}={cost},\n"
    text += ")\n"
    return {boards / f"_pins_{BOARD}.py": pins, boards / f"_costs_{BOARD}.py": text}


def main(arguments: list[str] | None = None) -> int:
    """Write the generated modules, or check them; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m hardware.describe",
        description="Check hardware/collar.toml and write the firmware's pins and costs from it.",
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail when a module is not current"
    )
    check = parser.parse_args(arguments).check
    try:
        modules = render(load())
    except DescriptionError as error:
        print(error, file=sys.stderr)
        return 1
    stale = [
        path
        for path, text in modules.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path in stale:
        if check:
            print(
                f"{path.relative_to(ROOT)} is not current: run python -m hardware.describe",
                file=sys.stderr,
            )
        else:
            path.write_text(modules[path], encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
