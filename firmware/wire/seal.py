"""Authenticated encryption of frames: AES-CCM.

    sealed   ciphertext, as long as the plaintext | tag (4, 6, 8 .. 16 bytes)

The nonce has 7 to 13 bytes, ours 13 (L = 15 - its length = 2); the plaintext at most 65,535.
Built from block encryption alone, which every board has. A nonce must never be used twice
with one key; frame.py says how it is made.

Source: RFC 3610; NIST SP 800-38C.
"""

from .errors import BadTag, BadValue, Truncated

try:
    from collections.abc import Callable
except ImportError:  # MicroPython, which ignores annotations
    pass

_BLOCK = 16


def _check(nonce: bytes, aad: bytes, tag_len: int) -> None:
    if not 7 <= len(nonce) <= 13:
        raise BadValue("nonce length", len(nonce), "7 to 13")
    if tag_len not in (4, 6, 8, 10, 12, 14, 16):
        raise BadValue("tag length", tag_len, "an even number from 4 to 16")
    if len(aad) >= 0xFF00:
        raise BadValue("length of additional data", len(aad), "less than 65,280")


def _block(flags: int, nonce: bytes, n: int) -> bytes:
    """Return flags and L - 1, the nonce, and `n` in the L bytes left of a block of 16."""
    zeros = b"\x00" * (13 - len(nonce))
    return bytes((flags | 14 - len(nonce),)) + nonce + zeros + bytes((n >> 8, n & 0xFF))


def _tag(
    encrypt: "Callable[[bytes], bytes]", nonce: bytes, aad: bytes, plaintext: bytes, tag_len: int
) -> bytes:
    """CBC-MAC over flags, nonce, length, additional data and plaintext, masked with block 0."""
    n = len(plaintext)
    flags = (0x40 if aad else 0) | (tag_len - 2) // 2 << 3
    mac = encrypt(_block(flags, nonce, n))
    head = bytes((len(aad) >> 8, len(aad) & 0xFF)) + aad if aad else b""
    block = bytearray(_BLOCK)
    for part in (head, plaintext):
        for start in range(0, len(part), _BLOCK):
            piece = part[start : start + _BLOCK]
            for i in range(_BLOCK):
                block[i] = mac[i] ^ piece[i] if i < len(piece) else mac[i]
            mac = encrypt(bytes(block))
    mask = encrypt(_block(0, nonce, 0))
    return bytes([mac[i] ^ mask[i] for i in range(tag_len)])


def _crypt(encrypt: "Callable[[bytes], bytes]", nonce: bytes, data: bytes) -> bytes:
    """Counter mode from block 1: encrypts and decrypts."""
    out = bytearray(len(data))
    for start in range(0, len(data), _BLOCK):
        stream = encrypt(_block(0, nonce, start // _BLOCK + 1))
        for i in range(start, min(start + _BLOCK, len(data))):
            out[i] = data[i] ^ stream[i - start]
    return bytes(out)


def seal(
    encrypt: "Callable[[bytes], bytes]", nonce: bytes, aad: bytes, plaintext: bytes, tag_len: int
) -> bytes:
    """Encrypt `plaintext` and append a tag over it and the additional data `aad`.

    Args:
        encrypt: block encryption under the key, 16 bytes to 16 bytes (aes.block_cipher).
        nonce: 13 bytes (7 to 13), never used before with this key.
        aad: sent in clear elsewhere, protected by the tag.
        plaintext: at most 65,535 bytes.
        tag_len: 4, 6, 8 .. 16.

    Raises:
        BadValue: a length is not as above.
    """
    _check(nonce, aad, tag_len)
    if len(plaintext) > 0xFFFF:
        raise BadValue("plaintext length", len(plaintext), "at most 65,535")
    tag = _tag(encrypt, nonce, aad, plaintext, tag_len)
    return _crypt(encrypt, nonce, plaintext) + tag


def open(
    encrypt: "Callable[[bytes], bytes]", nonce: bytes, aad: bytes, sealed: bytes, tag_len: int
) -> bytes:
    """Check the tag, then return the plaintext. Arguments as for `seal`.

    Raises:
        BadTag: sealed with another key, nonce or additional data, or changed on the way.
        Truncated: shorter than a tag.
        BadValue: a length is not possible.
    """
    _check(nonce, aad, tag_len)
    n = len(sealed) - tag_len
    if n < 0:
        raise Truncated("sealed length", len(sealed), f"at least {tag_len}")
    if n > 0xFFFF:
        raise BadValue("sealed length", len(sealed), f"at most {0xFFFF + tag_len}")
    plaintext = _crypt(encrypt, nonce, sealed[:n])
    expected = _tag(encrypt, nonce, aad, plaintext, tag_len)
    received = bytes(sealed[n:])
    difference = 0
    for i in range(tag_len):  # the same time wherever they differ
        difference |= expected[i] ^ received[i]
    if difference:
        raise BadTag("tag", received, "the one of this key, nonce and header")
    return plaintext
