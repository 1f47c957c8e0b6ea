"""CRC-16 of messages on the serial line and of entries in the collar's memory.

CRC-16/CCITT-FALSE (also CRC-16/IBM-3740): polynomial 0x1021, start 0xFFFF, no reflection,
no final exclusive-or; `crc16(b"123456789") == 0x29B1`.
Source: Greg Cook's catalogue of parametrised CRC algorithms, check value 0x29b1.
"""


def crc16_python(data: bytes, value: int = 0xFFFF) -> int:
    """CRC-16/CCITT-FALSE in plain Python, without a table; goes on from `value`."""
    for byte in data:
        x = (value >> 8) ^ byte
        x ^= x >> 4
        value = (value << 8 ^ x << 12 ^ x << 5 ^ x) & 0xFFFF
    return value


try:
    from binascii import crc_hqx
except ImportError:
    crc16 = crc16_python
else:

    def crc16(data: bytes, value: int = 0xFFFF) -> int:
        """CRC-16/CCITT-FALSE of `data`; to go on over several pieces, pass the last result."""
        return crc_hqx(data, value)
