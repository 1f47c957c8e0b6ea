from binascii import unhexlify

from firmware.wire import aes, frame
from firmware.wire.errors import BadTag, BadValue, BadVersion, Truncated, WireError

from .raising import raised

ENCRYPT = aes.block_cipher(b"sixteen byte key")
HEADER = frame.Header(frame.VERSION, frame.DATA, 0x1234, 0xA1B2C3D4)


def uplink(payload=b"payload", header=HEADER, epoch=7):
    return frame.seal_frame(ENCRYPT, frame.UPLINK, epoch, header, payload)


def header(**changes):
    fields = {"version": 2, "kind": frame.DATA, "collar": 1, "counter": 0}
    fields.update(changes)
    return frame.Header(fields["version"], fields["kind"], fields["collar"], fields["counter"])


def test_header_bytes_are_as_documented():
    assert frame.pack_header(HEADER) == b"\xe0\x21\x34\x12\xd4\xc3\xb2\xa1"
    assert frame.parse_header(b"\xe0\x21\x34\x12\xd4\xc3\xb2\xa1 and more") == HEADER


def test_nonce_is_collar_direction_epoch_counter():
    expected = b"\x34\x12\x00\x00\x01\x07\x00\x00\x00\xd4\xc3\xb2\xa1"
    assert frame.nonce(frame.DOWNLINK, 7, HEADER) == expected


def test_header_fields_out_of_range_are_refused():
    raised(BadVersion, frame.pack_header, header(version=1))
    for changes in ({"kind": 0}, {"kind": 7}, {"collar": 0}, {"collar": 0x10000}):
        raised(BadValue, frame.pack_header, header(**changes))
    raised(BadValue, frame.pack_header, header(counter=-1))
    raised(BadValue, frame.pack_header, header(counter=1 << 32))


def test_foreign_header_is_named():
    good = frame.pack_header(HEADER)
    assert str(raised(BadValue, frame.parse_header, b"\x40" + good[1:])) == (
        "first byte is 64, expected 224"
    )
    assert raised(BadVersion, frame.parse_header, b"\xe0\x11" + good[2:]).value == 1
    raised(BadValue, frame.parse_header, b"\xe0\x27" + good[2:])
    raised(BadValue, frame.parse_header, b"\xe0\x21\x00\x00" + good[4:])
    for n in range(8):
        assert raised(Truncated, frame.parse_header, good[:n]).value == n


def test_sealed_frame_opens_in_both_directions():
    for direction in (frame.UPLINK, frame.DOWNLINK):
        for kind in range(frame.DATA, frame.AID + 1):
            head = header(kind=kind)
            sealed = frame.seal_frame(ENCRYPT, direction, 0, head, b"payload")
            assert frame.open_frame(ENCRYPT, direction, 0, sealed) == (head, b"payload")


def test_overheads_are_12_and_16_bytes():
    assert len(uplink(b"")) == frame.OVERHEAD_UPLINK == 12
    sealed = frame.seal_frame(ENCRYPT, frame.DOWNLINK, 0, HEADER, b"")
    assert len(sealed) == frame.OVERHEAD_DOWNLINK == 16


def test_payload_is_not_readable():
    assert b"payload" not in uplink()


def test_frame_of_other_direction_or_epoch_is_refused():
    raised(BadTag, frame.open_frame, ENCRYPT, frame.UPLINK, 8, uplink())
    raised(BadTag, frame.open_frame, ENCRYPT, frame.DOWNLINK, 7, uplink())
    raised(BadTag, frame.open_frame, aes.block_cipher(b"another key 1234"), 0, 7, uplink())


def test_every_single_bit_flip_is_refused():
    sealed = bytearray(uplink(b"0123456789abcdefg"))
    for bit in range(8 * len(sealed)):
        sealed[bit >> 3] ^= 1 << (bit & 7)
        raised(WireError, frame.open_frame, ENCRYPT, frame.UPLINK, 7, bytes(sealed))
        sealed[bit >> 3] ^= 1 << (bit & 7)
    frame.open_frame(ENCRYPT, frame.UPLINK, 7, bytes(sealed))


def test_every_cut_is_refused():
    sealed = uplink()
    for n in range(len(sealed)):
        raised(WireError, frame.open_frame, ENCRYPT, frame.UPLINK, 7, sealed[:n])
    raised(BadTag, frame.open_frame, ENCRYPT, frame.UPLINK, 7, sealed + b"\x00")


def test_frame_fits_a_packet_of_255_bytes():
    assert len(uplink(b"\x00" * 243)) == 255
    error = raised(BadValue, uplink, b"\x00" * 244)
    assert str(error) == "payload length is 244, expected at most 243"
    raised(BadValue, frame.open_frame, ENCRYPT, frame.UPLINK, 7, uplink(b"\x00" * 243) + b"\x00")


def test_direction_and_epoch_out_of_range_are_refused():
    raised(BadValue, frame.seal_frame, ENCRYPT, 2, 0, HEADER, b"")
    raised(BadValue, frame.seal_frame, ENCRYPT, frame.UPLINK, 1 << 32, HEADER, b"")
    raised(BadValue, frame.seal_frame, ENCRYPT, frame.UPLINK, -1, HEADER, b"")


def test_golden_frame_never_changes():
    # Version 2 for good: a change here is a new version of the wire format.
    assert uplink() == unhexlify("e0213412d4c3b2a1e2ca49317d73eb15810694")
