"""What can be wrong with bytes from the air or from a serial line.

    WireError(ValueError)
    ├── Truncated    the bytes end too early
    ├── BadVersion   another version of the wire format
    ├── BadTag       a sealed frame that was not sealed with this key, nonce and header
    ├── BadCrc       a message damaged on the serial line
    └── BadValue     a field outside its range, on encode and on decode

Bytes are never trusted: every decoder of this package either returns a record or raises
one of these. Each carries `what`, `value` and `expected` and writes its own message.
"""


class WireError(ValueError):
    """`what` is `value`, but `expected` was expected."""

    def __init__(self, what: str, value: object, expected: object) -> None:
        super().__init__(f"{what} is {value!r}, expected {expected}")
        self.what = what
        self.value = value
        self.expected = expected


class Truncated(WireError):
    """Fewer bytes than the format needs; `value` is the number there is."""


class BadVersion(WireError):
    """A frame of another version of the wire format."""


class BadTag(WireError):
    """Authentication failed; `value` is the tag that was received."""


class BadCrc(WireError):
    """Checksum over the message differs from the one received, which is `value`."""


class BadValue(WireError):
    """A field is outside its range."""


def check_range(what: str, value: int, low: int, high: int) -> None:
    """Require an integer with `low <= value <= high`.

    Raises:
        BadValue: it is not, or is no integer.
    """
    if not isinstance(value, int) or not low <= value <= high:
        raise BadValue(what, value, f"an integer from {low} to {high}")
