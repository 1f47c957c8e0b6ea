from firmware.wire import bits
from firmware.wire.errors import BadValue, Truncated

from .raising import raised


def written(*numbers):
    """Return a Writer with these (value, order) as Golomb codes."""
    out = bits.Writer()
    for value, k in numbers:
        out.g(value, k)
    return out


def test_codes_are_as_documented():
    # 0 -> 1, 1 -> 010, 2 -> 011; of order 2: 0 -> 100, 4 -> 01000.
    assert written((0, 0), (1, 0), (2, 0)).to_bytes() == bytes((0b1010_0110,))
    assert written((0, 2), (4, 2)).to_bytes() == bytes((0b1000_1000,))


def test_numbers_of_every_size_come_back():
    out = bits.Writer()
    numbers = []
    for k in range(16):
        for n in (0, 1, 2, 1 << k, (1 << k) + 1, 65_535, 0xFFFFFFFF, 0x1FFFFFFFF):
            numbers.append((n, k))
            out.g(n, k)
    data = bits.Reader(out.to_bytes())
    for n, k in numbers:
        assert data.g(k) == n
    data.end()


def test_signed_numbers_come_back():
    out = bits.Writer()
    for n in range(-70, 70):
        out.s(n, 3)
    data = bits.Reader(out.to_bytes())
    assert [data.s(3) for _ in range(140)] == list(range(-70, 70))


def test_length_of_a_code_is_what_it_takes():
    for k in range(8):
        for n in (0, 1, 7, 8, 9, 1000, 0xFFFFFFFF):
            assert written((n, k)).bits == bits.golomb_bits(n, k)


def test_cut_and_extended_bits_are_those_of_one_writer():
    for n in range(20):
        first, whole = written((n, 1), (5, 3)), written((n, 1), (77, 2), (n, 0))
        first.cut(bits.golomb_bits(n, 1))
        first.extend(written((77, 2), (n, 0)))
        assert (first.bits, first.to_bytes()) == (whole.bits, whole.to_bytes())


def test_chosen_order_costs_little_more_than_the_best():
    for values in ([0], [3] * 9, list(range(100)), [0, 0, 0, 5000], [7, 900, 12, 0, 40, 3, 15]):
        cost = [sum([bits.golomb_bits(n, k) for n in values]) for k in range(16)]
        assert cost[bits.order_for(values)] <= min(cost) + len(values) // 8


def test_bits_that_end_early_are_truncated():
    raised(Truncated, bits.Reader(b"\x00").g, 0)
    raised(Truncated, bits.Reader(b"\x01").g, 0)
    raised(Truncated, bits.Reader(b"\xff").u, 9)


def test_endless_zeros_are_refused():
    raised(BadValue, bits.Reader(b"\x00" * 5 + b"\xff" * 9).g, 0)


def test_filling_is_zeros_and_less_than_a_byte():
    data = bits.Reader(b"\xf0")
    raised(BadValue, data.end)
    data.u(3)
    raised(BadValue, data.end)
    data.u(1)
    data.end()
