"""`const` for modules that run on both interpreters.

MicroPython's compiler folds `_NAME = const(...)` into the byte code, so that the name
costs no RAM. On CPython it is the identity.
"""

try:
    from micropython import const
except ImportError:

    def const(value: int) -> int:
        """Return `value` unchanged."""
        return value


__all__ = ("const",)
