"""`TYPE_CHECKING` on both interpreters: names for hints cost a collar neither memory nor time."""

try:
    import typing

    TYPE_CHECKING = typing.TYPE_CHECKING
except ImportError:  # MicroPython
    TYPE_CHECKING = False
