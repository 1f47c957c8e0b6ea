"""How long a LoRa packet is on the air, exactly, in integers.

    symbol   2^SF / BW
    packet   (preamble + 4.25 + 8 + ceil(max(8 PL - 4 SF + 8 + 16 CRC + 20 H, 0)
             / (4 (SF - 2 DE))) (CR + 4)) symbols                     SF 7..12
             (preamble + 6.25 + 8 + ceil(max(8 PL - 4 SF + 16 CRC + 20 H, 0)
             / (4 SF)) (CR + 4)) symbols                              SF 5 and 6

PL payload bytes, CRC and H (explicit header) 0 or 1, DE low data rate optimisation.
Source: Semtech AN1200.13 for SF 7..12; SX1261/2 datasheet, section 6.1.4, for SF 5 and 6.
"""

from .errors import check_range

_HEADER_SYMBOLS = 8 + 5 + 8


def symbol_us(sf: int, bw_hz: int) -> int:
    """Return the length of one symbol in us, rounded to the nearest."""
    check_range("sf", sf, 5, 12)
    check_range("bw_hz", bw_hz, 1, 1_000_000)
    return (2_000_000 * (1 << sf) + bw_hz) // (2 * bw_hz)


def header_ms(sf: int, bw_hz: int) -> int:
    """Return the time from the start of a packet to the end of its header in ms, rounded up.

    Preamble of 8 symbols, sync word and start of frame (4.25, counted as 5), header 8: until then
    a receiver cannot know that a packet is one.
    """
    return (_HEADER_SYMBOLS * symbol_us(sf, bw_hz) + 999) // 1000


def airtime_us(
    sf: int,
    bw_hz: int,
    payload_bytes: int,
    coding_rate: int = 5,
    preamble: int = 8,
    crc: bool = True,
    explicit: bool = True,
    ldro: bool | None = None,
) -> int:
    """Return the time on air of one packet in us, rounded to the nearest.

    Args:
        sf: spreading factor, 5..12.
        bw_hz: bandwidth.
        payload_bytes: 0..255.
        coding_rate: denominator, 5..8: 4/5 .. 4/8.
        preamble: symbols.
        crc: whether the payload has a CRC.
        explicit: whether there is a header.
        ldro: low data rate optimisation; None: on where a symbol takes 16 ms or more.

    Raises:
        BadValue: an argument out of range.
    """
    check_range("sf", sf, 5, 12)
    check_range("bw_hz", bw_hz, 1, 1_000_000)
    check_range("payload_bytes", payload_bytes, 0, 255)
    check_range("coding_rate", coding_rate, 5, 8)
    check_range("preamble", preamble, 0, 0xFFFF)
    if ldro is None:
        ldro = 1000 << sf >= 16 * bw_hz
    bits = 8 * payload_bytes - 4 * sf + (16 if crc else 0) + (20 if explicit else 0)
    if sf >= 7:
        bits += 8
        bits_per_group = 4 * (sf - 2 if ldro else sf)
        quarters = 17  # 4.25 symbols: sync word and start of frame
    else:
        bits_per_group = 4 * sf
        quarters = 25
    groups = (max(bits, 0) + bits_per_group - 1) // bits_per_group
    quarters += 4 * (preamble + 8 + groups * coding_rate)
    return (quarters * 500_000 * (1 << sf) + bw_hz) // (2 * bw_hz)
