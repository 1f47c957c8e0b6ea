"""AES-128 encryption of single blocks in machine code, for processors without `cryptolib`.

The same two tables as in aes.py, which imports this file only on MicroPython with the native
emitter: the collar's board, and the unix port.
"""

import micropython


@micropython.viper  # type: ignore[untyped-decorator]
def encrypt_block(s: ptr8, t: ptr8, w: ptr8, sbox: ptr8, twice: ptr8):  # type: ignore # noqa: F821, ANN201
    """Encrypt the 16 bytes at `s` in place; `t` has room for 16, `w` are the round keys."""
    i = 0
    while i < 16:
        s[i] ^= w[i]
        i += 1
    k = 16
    while k < 160:
        i = 0
        while i < 16:
            a = s[i]
            b = s[(i + 5) & 15]
            c = s[(i + 10) & 15]
            d = s[(i + 15) & 15]
            sa = sbox[a]
            sb = sbox[b]
            sc = sbox[c]
            sd = sbox[d]
            ta = twice[a]
            tb = twice[b]
            tc = twice[c]
            td = twice[d]
            t[i] = ta ^ tb ^ sb ^ sc ^ sd ^ w[k + i]
            t[i + 1] = sa ^ tb ^ tc ^ sc ^ sd ^ w[k + i + 1]
            t[i + 2] = sa ^ sb ^ tc ^ td ^ sd ^ w[k + i + 2]
            t[i + 3] = ta ^ sa ^ sb ^ sc ^ td ^ w[k + i + 3]
            i += 4
        i = 0
        while i < 16:
            s[i] = t[i]
            i += 1
        k += 16
    i = 0
    while i < 16:
        t[i] = sbox[s[(i + 4 * (i & 3)) & 15]] ^ w[160 + i]
        i += 1
    i = 0
    while i < 16:
        s[i] = t[i]
        i += 1
