from binascii import unhexlify

from firmware.wire import aes, seal
from firmware.wire.errors import BadTag, BadValue, Truncated

from .raising import raised

# RFC 3610, packet vectors 1 to 4: nonce, length of AAD, end of plaintext, sealed; tag of 8 bytes.
RFC_3610 = (
    (
        "00000003020100a0a1a2a3a4a5",
        8,
        0x1F,
        "588c979a61c663d2f066d0c2c0f989806d5f6b61dac38417e8d12cfdf926e0",
    ),
    (
        "00000004030201a0a1a2a3a4a5",
        8,
        0x20,
        "72c91a36e135f8cf291ca894085c87e3cc15c439c9e43a3ba091d56e10400916",
    ),
    (
        "00000005040302a0a1a2a3a4a5",
        8,
        0x21,
        "51b1e5f44a197d1da46b0f8e2d282ae871e838bb64da8596574adaa76fbd9fb0c5",
    ),
    (
        "00000006050403a0a1a2a3a4a5",
        12,
        0x1F,
        "a28c6865939a9a79faaa5c4c2a9d4a91cdac8c96c861b9c9e61ef1",
    ),
)
# NIST SP 800-38C, appendix C, examples 1 to 3: length of nonce, AAD, plaintext and tag; sealed.
SP_800_38C = (
    (7, 8, 4, 4, "7162015b4dac255d"),
    (8, 16, 16, 6, "d2a1f0e051ea5f62081a7792073d593d1fc64fbfaccd"),
    (12, 20, 24, 8, "e3b201a9f5b71a7a9b1ceaeccd97e70b6176aad9a4428aa5484392fbc1b09951"),
)
KEY = bytes(range(0xC0, 0xD0))
NONCE = bytes(range(13))


def test_packet_vectors_of_rfc_3610():
    encrypt = aes.block_cipher(KEY)
    for nonce, aad_len, end, sealed in RFC_3610:
        nonce, sealed = unhexlify(nonce), unhexlify(sealed)
        aad, plaintext = bytes(range(aad_len)), bytes(range(aad_len, end))
        assert seal.seal(encrypt, nonce, aad, plaintext, 8) == sealed
        assert seal.open(encrypt, nonce, aad, sealed, 8) == plaintext


def test_examples_of_sp_800_38c():
    encrypt = aes.block_cipher(bytes(range(0x40, 0x50)))
    for nonce_len, aad_len, n, tag_len, sealed in SP_800_38C:
        nonce, aad = bytes(range(0x10, 0x10 + nonce_len)), bytes(range(aad_len))
        plaintext, sealed = bytes(range(0x20, 0x20 + n)), unhexlify(sealed)
        assert seal.seal(encrypt, nonce, aad, plaintext, tag_len) == sealed
        assert seal.open(encrypt, nonce, aad, sealed, tag_len) == plaintext


def test_every_tag_length_and_size_comes_back():
    encrypt = aes.block_cipher(KEY)
    for tag_len in range(4, 17, 2):
        for n in (0, 1, 15, 16, 17, 32, 50):
            plaintext = bytes(range(n))
            sealed = seal.seal(encrypt, NONCE, b"header", plaintext, tag_len)
            assert len(sealed) == n + tag_len
            assert seal.open(encrypt, NONCE, b"header", sealed, tag_len) == plaintext


def test_any_other_key_nonce_or_aad_is_refused():
    encrypt = aes.block_cipher(KEY)
    sealed = seal.seal(encrypt, NONCE, b"header", b"payload", 4)
    other = aes.block_cipher(b"\x00" * 16)
    raised(BadTag, seal.open, other, NONCE, b"header", sealed, 4)
    raised(BadTag, seal.open, encrypt, b"\x01" + NONCE[1:], b"header", sealed, 4)
    raised(BadTag, seal.open, encrypt, NONCE, b"Header", sealed, 4)
    raised(BadTag, seal.open, encrypt, NONCE, b"", sealed, 4)


def test_error_shows_the_received_tag_but_not_the_right_one():
    encrypt = aes.block_cipher(KEY)
    sealed = seal.seal(encrypt, NONCE, b"", b"payload", 4)
    error = raised(BadTag, seal.open, encrypt, NONCE, b"", sealed[:-4] + b"ABCD", 4)
    assert error.value == b"ABCD"
    assert repr(sealed[-4:]) not in str(error)


def test_shorter_than_a_tag_is_truncated():
    encrypt = aes.block_cipher(KEY)
    for n in range(4):
        raised(Truncated, seal.open, encrypt, NONCE, b"", b"\x00" * n, 4)


def test_impossible_lengths_are_refused():
    encrypt = aes.block_cipher(KEY)
    raised(BadValue, seal.seal, encrypt, NONCE[:6], b"", b"", 4)
    raised(BadValue, seal.seal, encrypt, NONCE + b"x", b"", b"", 4)
    raised(BadValue, seal.seal, encrypt, NONCE, b"", b"", 2)
    raised(BadValue, seal.seal, encrypt, NONCE, b"", b"", 5)
    raised(BadValue, seal.open, encrypt, NONCE, b"", b"\x00" * 20, 18)
