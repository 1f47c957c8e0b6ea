"""AES-128 encryption of single blocks: what sealing needs, and no more.

`cryptolib` (unix port, RP2040, ESP32) where the interpreter has it; else two tables, which a
frozen module keeps in flash, in machine code where the interpreter can (aes_native.py: the
collar's processor, which has no cryptolib), else in plain Python. Bytes only: words of 32 bits
would be allocated on the heap there.

Source: FIPS 197.
"""

from .errors import BadValue

try:
    from collections.abc import Callable
except ImportError:  # MicroPython, which ignores annotations
    pass

try:
    from cryptolib import aes as _cryptolib_aes
except ImportError:
    _cryptolib_aes = None

try:
    from .aes_native import encrypt_block as _encrypt_block
except (ImportError, SyntaxError):  # CPython; MicroPython without the native emitter
    _encrypt_block = None

# FIPS 197, figure 7.
SBOX = (
    b"\x63\x7c\x77\x7b\xf2\x6b\x6f\xc5\x30\x01\x67\x2b\xfe\xd7\xab\x76"
    b"\xca\x82\xc9\x7d\xfa\x59\x47\xf0\xad\xd4\xa2\xaf\x9c\xa4\x72\xc0"
    b"\xb7\xfd\x93\x26\x36\x3f\xf7\xcc\x34\xa5\xe5\xf1\x71\xd8\x31\x15"
    b"\x04\xc7\x23\xc3\x18\x96\x05\x9a\x07\x12\x80\xe2\xeb\x27\xb2\x75"
    b"\x09\x83\x2c\x1a\x1b\x6e\x5a\xa0\x52\x3b\xd6\xb3\x29\xe3\x2f\x84"
    b"\x53\xd1\x00\xed\x20\xfc\xb1\x5b\x6a\xcb\xbe\x39\x4a\x4c\x58\xcf"
    b"\xd0\xef\xaa\xfb\x43\x4d\x33\x85\x45\xf9\x02\x7f\x50\x3c\x9f\xa8"
    b"\x51\xa3\x40\x8f\x92\x9d\x38\xf5\xbc\xb6\xda\x21\x10\xff\xf3\xd2"
    b"\xcd\x0c\x13\xec\x5f\x97\x44\x17\xc4\xa7\x7e\x3d\x64\x5d\x19\x73"
    b"\x60\x81\x4f\xdc\x22\x2a\x90\x88\x46\xee\xb8\x14\xde\x5e\x0b\xdb"
    b"\xe0\x32\x3a\x0a\x49\x06\x24\x5c\xc2\xd3\xac\x62\x91\x95\xe4\x79"
    b"\xe7\xc8\x37\x6d\x8d\xd5\x4e\xa9\x6c\x56\xf4\xea\x65\x7a\xae\x08"
    b"\xba\x78\x25\x2e\x1c\xa6\xb4\xc6\xe8\xdd\x74\x1f\x4b\xbd\x8b\x8a"
    b"\x70\x3e\xb5\x66\x48\x03\xf6\x0e\x61\x35\x57\xb9\x86\xc1\x1d\x9e"
    b"\xe1\xf8\x98\x11\x69\xd9\x8e\x94\x9b\x1e\x87\xe9\xce\x55\x28\xdf"
    b"\x8c\xa1\x89\x0d\xbf\xe6\x42\x68\x41\x99\x2d\x0f\xb0\x54\xbb\x16"
)
# The same times 2 in GF(2^8).
SBOX_TIMES_2 = (
    b"\xc6\xf8\xee\xf6\xff\xd6\xde\x91\x60\x02\xce\x56\xe7\xb5\x4d\xec"
    b"\x8f\x1f\x89\xfa\xef\xb2\x8e\xfb\x41\xb3\x5f\x45\x23\x53\xe4\x9b"
    b"\x75\xe1\x3d\x4c\x6c\x7e\xf5\x83\x68\x51\xd1\xf9\xe2\xab\x62\x2a"
    b"\x08\x95\x46\x9d\x30\x37\x0a\x2f\x0e\x24\x1b\xdf\xcd\x4e\x7f\xea"
    b"\x12\x1d\x58\x34\x36\xdc\xb4\x5b\xa4\x76\xb7\x7d\x52\xdd\x5e\x13"
    b"\xa6\xb9\x00\xc1\x40\xe3\x79\xb6\xd4\x8d\x67\x72\x94\x98\xb0\x85"
    b"\xbb\xc5\x4f\xed\x86\x9a\x66\x11\x8a\xe9\x04\xfe\xa0\x78\x25\x4b"
    b"\xa2\x5d\x80\x05\x3f\x21\x70\xf1\x63\x77\xaf\x42\x20\xe5\xfd\xbf"
    b"\x81\x18\x26\xc3\xbe\x35\x88\x2e\x93\x55\xfc\x7a\xc8\xba\x32\xe6"
    b"\xc0\x19\x9e\xa3\x44\x54\x3b\x0b\x8c\xc7\x6b\x28\xa7\xbc\x16\xad"
    b"\xdb\x64\x74\x14\x92\x0c\x48\xb8\x9f\xbd\x43\xc4\x39\x31\xd3\xf2"
    b"\xd5\x8b\x6e\xda\x01\xb1\x9c\x49\xd8\xac\xf3\xcf\xca\xf4\x47\x10"
    b"\x6f\xf0\x4a\x5c\x38\x57\x73\x97\xcb\xa1\xe8\x3e\x96\x61\x0d\x0f"
    b"\xe0\x7c\x71\xcc\x90\x06\xf7\x1c\xc2\x6a\xae\x69\x17\x99\x3a\x27"
    b"\xd9\xeb\x2b\x22\xd2\xa9\x07\x33\x2d\x3c\x15\xc9\x87\xaa\x50\xa5"
    b"\x03\x59\x09\x1a\x65\xd7\x84\xd0\x82\x29\x5a\x1e\x7b\xa8\x6d\x2c"
)


def _expand(key: bytes) -> bytearray:
    """Round keys: 11 of 16 bytes (FIPS 197, section 5.2)."""
    w = bytearray(key)
    rcon = 1
    for i in range(16, 176, 4):
        a, b, c, d = w[i - 4 : i]
        if i % 16 == 0:
            a, b, c, d = SBOX[b] ^ rcon, SBOX[c], SBOX[d], SBOX[a]
            rcon = rcon << 1 ^ (0x11B if rcon & 0x80 else 0)
        w.extend(bytes((w[i - 16] ^ a, w[i - 15] ^ b, w[i - 14] ^ c, w[i - 13] ^ d)))
    return w


def table_cipher(key: bytes) -> "Callable[[bytes], bytes]":
    """Encryption under `key` in plain Python; use `block_cipher`."""
    w = _expand(key)
    sbox, twice = SBOX, SBOX_TIMES_2

    def encrypt(block: bytes) -> bytes:
        s = bytearray(16)
        t = bytearray(16)
        for i in range(16):
            s[i] = block[i] ^ w[i]
        for k in range(16, 160, 16):
            for i in range(0, 16, 4):
                # One column: bytes shifted in from four columns, then mixed.
                a, b, c, d = s[i], s[i + 5 & 15], s[i + 10 & 15], s[i + 15 & 15]
                sa, sb, sc, sd = sbox[a], sbox[b], sbox[c], sbox[d]
                ta, tb, tc, td = twice[a], twice[b], twice[c], twice[d]
                t[i] = ta ^ tb ^ sb ^ sc ^ sd ^ w[k + i]
                t[i + 1] = sa ^ tb ^ tc ^ sc ^ sd ^ w[k + i + 1]
                t[i + 2] = sa ^ sb ^ tc ^ td ^ sd ^ w[k + i + 2]
                t[i + 3] = ta ^ sa ^ sb ^ sc ^ td ^ w[k + i + 3]
            s, t = t, s
        for i in range(16):
            t[i] = sbox[s[i + 4 * (i & 3) & 15]] ^ w[160 + i]
        return bytes(t)

    return encrypt


def native_cipher(key: bytes) -> "Callable[[bytes], bytes]":
    """Encryption under `key` in machine code, where there is any; use `block_cipher`."""
    if _encrypt_block is None:
        return table_cipher(key)
    w = _expand(key)
    t = bytearray(16)

    def encrypt(block: bytes) -> bytes:
        if len(block) != 16:  # machine code would write beyond it
            raise BadValue("block length", len(block), "16")
        s = bytearray(block)
        _encrypt_block(s, t, w, SBOX, SBOX_TIMES_2)
        return bytes(s)

    return encrypt


def block_cipher(key: bytes) -> "Callable[[bytes], bytes]":
    """Return `encrypt(block) -> block` (16 bytes each) for AES-128 under `key`.

    Raises:
        BadValue: the key has not 16 bytes (its value is not in the message).
    """
    if len(key) != 16:
        raise BadValue("key length", len(key), "16")
    if _cryptolib_aes is None:
        return native_cipher(key)
    encrypt: Callable[[bytes], bytes] = _cryptolib_aes(key, 1).encrypt  # 1 = ECB
    return encrypt
