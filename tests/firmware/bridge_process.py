"""The bridge's code with a modem of which the air is a pair of files; runs on MicroPython too.

Standard input and output are the serial line. Every line of the file named first is a packet that
is heard, `RSSI SNR HEX`; to the one named second goes `TICKS HEX` for each that is sent, with the
time when it began.
"""

import select
import sys
import time

from firmware.bridge.clock import Clock
from firmware.bridge.line import Line
from firmware.bridge.protocol import Bridge
from firmware.bridge.radio import Radio

NUMBER = 0xE6614C311B4A9B2F


class Packet(bytes):
    crc_error = False
    rssi = snr = ticks_ms = 0


class Modem:
    """What `firmware.bridge.radio` calls of the driver."""

    crc_errors = 0

    def __init__(self, heard, sent):
        self._heard, self._sent = open(heard, "rb", 0), open(sent, "wb", 0)
        self._poll = select.poll()
        self._poll.register(self._heard, select.POLLIN)
        self._ready = b""
        self.start_us = 0

    def standby(self):
        pass

    def configure(self, settings):
        assert settings["syncword"] == 0x34

    def start_recv(self, continuous):
        assert continuous

    def poll_recv(self):
        if not self._poll.poll(0):
            return True
        line = self._heard.readline()
        if not line:
            return True
        rssi, snr, digits = line.split()
        packet = Packet(bytes.fromhex(digits.decode()))
        packet.rssi, packet.snr, packet.ticks_ms = int(rssi), int(snr), time.ticks_ms()
        return packet

    def prepare_send(self, data):
        self._ready = data

    def start_send(self):
        line = "%d %s\n" % (clock.now_us(), self._ready.hex())
        self._sent.write(line.encode())

    def poll_send(self):
        return time.ticks_ms()


clock = Clock(time.ticks_us, time.ticks_ms, time.ticks_diff)
line = Line()
radio = Radio(Modem(sys.argv[1], sys.argv[2]), clock)
bridge = Bridge(NUMBER, 1, radio, line.write, clock.now_us)
while True:
    data = line.read()
    if data:
        bridge.feed(data)
    radio.poll(bridge)
    time.sleep_ms(1)
