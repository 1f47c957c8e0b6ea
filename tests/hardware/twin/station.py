"""A small ground station for the twin's tests: opens the port, acknowledges what it decodes."""

import threading
from collections.abc import Callable

import serial
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from firmware.wire import ack, bridge, data, frame, hello, ranges, region

Keys = dict[int, tuple[int, bytes]]  # collar: epoch, key


def encryptor(key: bytes) -> Callable[[bytes], bytes]:
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update


class Station:
    """Runs in a thread from `start` to `stop`; what it holds survives a restart."""

    def __init__(self, port: str, keys: Keys) -> None:
        self.port = port
        self.keys = keys
        self.held: dict[tuple[int, int], list[tuple[int, int]]] = {}  # (collar, generation)
        self.records: dict[tuple[int, int, int], object] = {}
        self.messages: list[object] = []
        self.hellos: list[hello.Hello] = []
        self.orders: list[tuple[int, bytes]] = []  # (kind, payload), each once, to who comes first
        self.counter = 0
        self._stop = threading.Event()

    def start(self) -> "Station":
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def __enter__(self) -> "Station":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        splitter = bridge.Splitter()
        with serial.Serial(self.port, exclusive=True, timeout=0.02) as line:
            line.write(bridge.DELIMITER + bridge.encode(bridge.Configure(region.EU868, 0)))
            while not self._stop.is_set():
                for chunk in splitter.feed(line.read(max(1, line.in_waiting))):
                    message = bridge.decode(chunk)
                    self.messages.append(message)
                    if isinstance(message, bridge.Received):
                        line.write(bridge.encode(self._answer(message)))

    def _answer(self, received: bridge.Received) -> object:
        collar = frame.parse_header(received.data).collar
        epoch, key = self.keys[collar]
        encrypt = encryptor(key)
        header, payload = frame.open_frame(encrypt, frame.UPLINK, epoch, received.data)
        if header.kind == frame.HELLO:
            self.hellos.append(hello.decode(payload))
            generation, records = self.hellos[-1].generation, []
        else:
            generation, records, _ = data.decode(payload)
        held = self.held.setdefault((collar, generation), [])
        for record in records:
            self.records[collar, generation, record.record] = record
            held = ranges.add(held, record.record, record.record)
        self.held[collar, generation] = held
        margin_db = (received.snr_qdb - region.SNR_LIMIT_QDB[received.sf]) // 4
        answer = ack.Ack(generation, received.utc_us // 1_000_000, margin_db, held)
        kind, message = frame.ACK, ack.encode(answer, 40)
        if self.orders:
            kind, message = self.orders.pop(0)
        self.counter += 1
        sealed = frame.seal_frame(
            encrypt,
            frame.DOWNLINK,
            epoch,
            frame.Header(frame.VERSION, kind, collar, self.counter),
            message,
        )
        channel = region.ACK_CHANNEL
        return bridge.Transmit(
            self.counter,
            received.reception,
            received.ticks_us + region.RX_DELAY_US,
            channel.freq_hz,
            received.sf,
            channel.bw_hz,
            14,
            sealed,
        )
