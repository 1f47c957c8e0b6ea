"""What is frozen into the collar's MicroPython: board NUCLEO_L476RG, FROZEN_MANIFEST=this file."""

# ruff: noqa: F821  (names of MicroPython's manifest language)
include("$(PORT_DIR)/boards/manifest.py")  # type: ignore[name-defined]
require("lora-sync")  # type: ignore[name-defined]
require("lora-sx126x")  # type: ignore[name-defined]
package(  # type: ignore[name-defined]
    "firmware",
    (
        "__init__.py",
        "app.py",
        "board.py",
        "civil.py",
        "config.py",
        "energy.py",
        "health.py",
        "link.py",
        "log.py",
        "schedule.py",
        "state.py",
        "store.py",
        "boards/__init__.py",
        "boards/_costs_collar_l476.py",
        "boards/_pins_collar_l476.py",
        "boards/collar_l476.py",
        "drivers/__init__.py",
        "drivers/fram.py",
        "drivers/gauge.py",
        "drivers/gnss.py",
        "drivers/radio.py",
        "drivers/rtc.py",
        "wire/__init__.py",
        "wire/_const.py",
        "wire/ack.py",
        "wire/aes.py",
        "wire/airtime.py",
        "wire/chain.py",
        "wire/crc.py",
        "wire/data.py",
        "wire/errors.py",
        "wire/fix.py",
        "wire/frame.py",
        "wire/identity.py",
        "wire/region.py",
        "wire/seal.py",
        "wire/status.py",
        "wire/varint.py",
    ),
    base_path="..",
    opt=3,
)
module("main.py", opt=3)  # type: ignore[name-defined]
