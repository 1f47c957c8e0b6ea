"""Our AES and CCM against the library `cryptography`."""

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.wire import aes, frame, seal
from firmware.wire.errors import BadTag, WireError

from . import strategies as wire
from .strategies import repeatable

TAG_LENGTHS = st.sampled_from([4, 6, 8, 10, 12, 14, 16])


def openssl(key):
    """Block encryption by OpenSSL, as a station may inject it."""
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update


@repeatable
@given(wire.KEY, wire.KEY)
def test_block_cipher_equals_openssl(key, block):
    assert aes.table_cipher(key)(block) == openssl(key)(block)


@repeatable
@given(
    wire.KEY,
    st.binary(min_size=7, max_size=13),
    st.binary(max_size=60),
    st.binary(max_size=255),
    TAG_LENGTHS,
)
def test_sealing_equals_openssl(key, nonce, aad, plaintext, tag_len):
    expected = AESCCM(key, tag_length=tag_len).encrypt(nonce, plaintext, aad)
    encrypt = openssl(key)
    assert seal.seal(encrypt, nonce, aad, plaintext, tag_len) == expected
    assert seal.open(encrypt, nonce, aad, expected, tag_len) == plaintext


@repeatable
@given(wire.KEY, st.sampled_from([0, 1]), wire.U32, wire.HEADER, st.binary(max_size=239))
def test_frame_opens_with_openssl_alone(key, direction, epoch, header, payload):
    sealed = frame.seal_frame(aes.block_cipher(key), direction, epoch, header, payload)
    ccm = AESCCM(key, tag_length=(4, 8)[direction])
    nonce = (
        header.collar.to_bytes(4, "little")
        + bytes([direction])
        + epoch.to_bytes(4, "little")
        + header.counter.to_bytes(4, "little")
    )
    assert ccm.decrypt(nonce, sealed[8:], sealed[:8]) == payload
    assert frame.open_frame(openssl(key), direction, epoch, sealed) == (header, payload)


@settings(repeatable, max_examples=20)
@given(wire.KEY, st.sampled_from([0, 1]), wire.U32, wire.HEADER, st.binary(max_size=60))
def test_every_single_bit_flip_of_any_frame_is_refused(key, direction, epoch, header, payload):
    encrypt = openssl(key)
    sealed = frame.seal_frame(encrypt, direction, epoch, header, payload)
    for bit in range(8 * len(sealed)):
        flipped = bytearray(sealed)
        flipped[bit >> 3] ^= 1 << (bit & 7)
        with pytest.raises(WireError):
            frame.open_frame(encrypt, direction, epoch, bytes(flipped))


@repeatable
@given(wire.KEY, st.sampled_from([0, 1]), st.binary(max_size=300))
def test_no_noise_opens(key, direction, noise):
    with pytest.raises(WireError):
        frame.open_frame(openssl(key), direction, 0, noise)


@repeatable
@given(wire.KEY, wire.HEADER, wire.U32, st.binary(max_size=60))
def test_frame_never_opens_as_the_other_direction(key, header, epoch, payload):
    encrypt = openssl(key)
    sealed = frame.seal_frame(encrypt, frame.DOWNLINK, epoch, header, payload)
    with pytest.raises(BadTag):
        frame.open_frame(encrypt, frame.UPLINK, epoch, sealed)


@repeatable
@given(st.lists(st.tuples(wire.HEADER, st.sampled_from([0, 1]), wire.U32), max_size=20))
def test_nonces_differ_where_collar_direction_epoch_or_counter_do(frames):
    keys = {(h.collar, direction, epoch, h.counter) for h, direction, epoch in frames}
    nonces = {frame.nonce(direction, epoch, h) for h, direction, epoch in frames}
    assert len(nonces) == len(keys)


def test_longest_additional_data_and_plaintext_equal_openssl():
    key, nonce = bytes(16), bytes(13)
    aad, plaintext = bytes(0xFEFF), bytes(0xFFFF)
    expected = AESCCM(key, tag_length=8).encrypt(nonce, plaintext, aad)
    assert seal.seal(openssl(key), nonce, aad, plaintext, 8) == expected
