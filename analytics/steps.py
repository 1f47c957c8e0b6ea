"""How far a computation is, told to whoever waits for it.

Who computes says `tell(done, total, step)` now and then; who waits listens with `heard_by`. `part`
makes room for a piece within the whole. Nobody listening costs next to nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[float, str], object]
"""Is told the part that is done, 0 to 1, and what is being done, in words"""

_heard: ContextVar[tuple[Listener, float, float] | None] = ContextVar("heard", default=None)


@contextmanager
def heard_by(listener: Listener) -> Iterator[None]:
    """Tells a listener of everything that is computed within."""
    token = _heard.set((listener, 0.0, 1.0))
    try:
        yield
    finally:
        _heard.reset(token)


@contextmanager
def part(begins: float, ends: float, step: str | None = None) -> Iterator[None]:
    """What is told within counts as this part of the whole; `step` says that it begins."""
    heard = _heard.get()
    if heard is None:
        yield
        return
    listener, low, high = heard
    token = _heard.set((listener, low + begins * (high - low), low + ends * (high - low)))
    if step is not None:
        tell(0, 1, step)
    try:
        yield
    finally:
        _heard.reset(token)


def tell(done: int, total: int, step: str) -> None:
    """Says that so much of a step is done."""
    if heard := _heard.get():
        listener, low, high = heard
        listener(low + (high - low) * done / total, step)
