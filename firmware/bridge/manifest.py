"""What is frozen into the bridge's MicroPython: board RPI_PICO, FROZEN_MANIFEST=this file."""

# ruff: noqa: F821  (names of MicroPython's manifest language)
include("$(PORT_DIR)/boards/manifest.py")  # type: ignore[name-defined]
require("lora-sync")  # type: ignore[name-defined]
require("lora-sx126x")  # type: ignore[name-defined]
package(  # type: ignore[name-defined]
    "firmware",
    (
        "__init__.py",
        "bridge/__init__.py",
        "bridge/clock.py",
        "bridge/line.py",
        "bridge/protocol.py",
        "bridge/radio.py",
        "bridge/rp2040.py",
        "drivers/__init__.py",
        "drivers/radio.py",
        "wire/__init__.py",
        "wire/_const.py",
        "wire/airtime.py",
        "wire/bridge.py",
        "wire/cobs.py",
        "wire/crc.py",
        "wire/errors.py",
        "wire/region.py",
        "wire/regions/__init__.py",
        "wire/regions/as923.py",
        "wire/regions/eu868.py",
        "wire/regions/in865.py",
        "wire/regions/us915.py",
    ),
    base_path="../..",
)
module("main.py")  # type: ignore[name-defined]
