from firmware.wire import crc


def test_crc_of_the_catalogue_check_value():
    assert crc.crc16(b"123456789") == 0x29B1


def test_crc_of_nothing_is_the_start_value():
    assert crc.crc16(b"") == 0xFFFF


def test_plain_python_equals_the_fast_form():
    for n in range(40):
        data = bytes([(i * 73 + n) & 0xFF for i in range(n)])
        assert crc.crc16_python(data) == crc.crc16(data)


def test_crc_goes_on_over_pieces():
    assert crc.crc16(b"6789", crc.crc16(b"12345")) == crc.crc16(b"123456789")


def test_crc_seeded_with_a_generation_differs_by_generation():
    assert crc.crc16(b"record", 1) != crc.crc16(b"record", 2)


def test_crc_sees_every_single_bit_flip():
    data = bytearray(b"a record of 24 bytes ....")
    good = crc.crc16(data)
    for bit in range(8 * len(data)):
        data[bit >> 3] ^= 1 << (bit & 7)
        assert crc.crc16(data) != good
        data[bit >> 3] ^= 1 << (bit & 7)
