"""The kinds of receivers, and how one is made from its table of settings.

    kind               module             keys besides `kind`; those with a value may be left out
    bridge             bridge.py          port | bridge | baud = 115200 | antenna_gain_dbi = 2 |
                                          freq_hz | sf = 7 | bw_hz
    semtech_udp        semtech_udp.py     listen = 127.0.0.1:1700 | gateways = [] |
                                          gateway_antenna_gain_dbi = 0
    chirpstack_mqtt    chirpstack_mqtt.py broker = mqtt://127.0.0.1:1883 | user | password_file |
                                          ca_file | topic_prefix = any | client_id |
                                          gateways = [] | gateway_antenna_gain_dbi = 0
    rui3               rui3.py            port | baud = 115200 | freq_hz | sf = 7 | bw_hz
    lora_e5            lora_e5.py         port | baud = 9600 | freq_hz | sf = 7 | bw_hz
    rnode              rnode.py           port | freq_hz | sf = 7 | bw_hz
    replay             replay.py          file
    virtual            virtual.py         listen = 127.0.0.1:1701

A new kind is a module with a class that has `from_table`, and a line here and in `_KINDS`.
Modules are imported when they are asked for: a station needs the packages of its own kind only.
"""

import importlib
from collections.abc import Mapping

from ground_station.errors import SettingsError
from ground_station.receiver import Receiver
from ground_station.receivers.table import Table

_KINDS = {
    "bridge": "BridgeReceiver",
    "semtech_udp": "SemtechUdpReceiver",
    "chirpstack_mqtt": "ChirpStackReceiver",
    "rui3": "Rui3Receiver",
    "lora_e5": "LoraE5Receiver",
    "rnode": "RnodeReceiver",
    "replay": "ReplayReceiver",
    "virtual": "VirtualReceiver",
}
KINDS = tuple(_KINDS)


def open(settings: Mapping[str, object], name: str = "receiver") -> Receiver:
    """Return the receiver that a table of settings describes; `with` opens it.

    Args:
        settings: such as `{"kind": "semtech_udp", "listen": "127.0.0.1:1700"}`.
        name: how faults call the table.

    Raises:
        SettingsError: a value cannot be used; names every such key, its value and what was
            expected.
    """
    table = Table(settings, name)
    kind = table.choice("kind", KINDS)
    if settings.get("kind") != kind:
        raise SettingsError(
            f"{name}.kind is {settings.get('kind')!r}, expected one of {', '.join(KINDS)}"
        )
    module = importlib.import_module(f"ground_station.receivers.{kind}")
    receiver: Receiver = getattr(module, _KINDS[kind]).from_table(table)
    table.done()
    return receiver
