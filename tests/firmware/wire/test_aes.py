from binascii import unhexlify

from firmware.wire import aes
from firmware.wire.errors import BadValue

from .raising import raised


def test_example_of_the_standard():
    # FIPS 197, appendix C.1.
    encrypt = aes.block_cipher(bytes(range(16)))
    block = unhexlify("00112233445566778899aabbccddeeff")
    assert encrypt(block) == unhexlify("69c4e0d86a7b0430d8cdb78070b4c55a")


def test_example_of_the_standard_with_tables():
    # FIPS 197, appendix B.
    encrypt = aes.table_cipher(unhexlify("2b7e151628aed2a6abf7158809cf4f3c"))
    block = unhexlify("3243f6a8885a308d313198a2e0370734")
    assert encrypt(block) == unhexlify("3925841d02dc09fbdc118597196a0b32")


def test_tables_and_machine_code_equal_cryptolib_where_it_is():
    # On CPython block_cipher is the tables; there `cryptography` is the judge.
    key = bytes(range(16))
    for _ in range(20):
        a, b, c = aes.block_cipher(key), aes.table_cipher(key), aes.native_cipher(key)
        assert a(key) == b(key) == c(key)
        key = b(key)


def test_blocks_are_independent():
    encrypt = aes.block_cipher(b"k" * 16)
    first = encrypt(b"a" * 16)
    encrypt(b"b" * 16)
    assert encrypt(b"a" * 16) == first


def _times(a, b):
    product = 0
    while b:
        if b & 1:
            product ^= a
        a = a << 1 ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return product


def test_tables_follow_their_definition():
    # FIPS 197, section 5.1.1: the inverse in GF(2^8), then an affine map. 3 generates the field.
    x, y = 1, 1  # y = 1/x
    for _ in range(255):
        s = 0x63
        for i in range(5):
            s ^= y << i & 0xFF | y >> 8 - i
        assert aes.SBOX[x] == s
        assert aes.SBOX_TIMES_2[x] == _times(s, 2)
        x, y = _times(x, 3), _times(y, 0xF6)
    assert aes.SBOX[0] == 0x63
    assert aes.SBOX_TIMES_2[0] == 0xC6


def test_key_of_another_length_is_refused_without_showing_it():
    error = raised(BadValue, aes.block_cipher, b"secret")
    assert str(error) == "key length is 6, expected 16"
