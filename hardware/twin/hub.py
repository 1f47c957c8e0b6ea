"""Virtual time: who runs when.

Firmware is ordinary code that calls and waits. Each collar runs in a greenlet; a call that takes
time switches to the hub, which works off events in order of time (and, at equal times, in the
order in which they were asked for) and switches back at the end. Nothing here looks at a wall
clock.
"""

import heapq
from collections import deque
from collections.abc import Callable

from greenlet import getcurrent, greenlet

Action = Callable[[], None]


class Hub:
    """An event queue in microseconds.

    Attributes:
        now_us: Virtual time since the start of the scenario.
    """

    def __init__(self) -> None:
        self.now_us = 0
        self._events: list[tuple[int, int, Action]] = []
        self._count = 0
        self._end_us = 0
        self._posted: deque[Action] = deque()
        self._main: greenlet | None = None

    def at(self, when_us: int, action: Action) -> None:
        """Call `action` at a time, at the earliest now."""
        self._count += 1
        heapq.heappush(self._events, (max(when_us, self.now_us), self._count, action))

    def post(self, action: Action) -> None:
        """Call `action` in the hub's thread as soon as it comes round; for other threads."""
        self._posted.append(action)

    def spawn(self, process: Action) -> None:
        """Start a process now; it may call `sleep_until`."""

        def start() -> None:
            greenlet(process).switch()

        self.at(self.now_us, start)

    def sleep_until(self, when_us: int) -> None:
        """Let the calling process wait until a time; returns at once when that has passed."""
        if when_us <= self.now_us:
            return
        # Nothing else happens before: no need to go through the queue.
        events = self._events
        alone = not self._posted and (not events or events[0][0] > when_us)
        if alone and when_us <= self._end_us:
            self.now_us = when_us
            return
        assert self._main is not None
        me = getcurrent()
        self.at(when_us, me.switch)
        self._main.switch()

    def run_until(self, end_us: int) -> None:
        """Work off everything up to and including `end_us`; time stands there afterwards."""
        self._main = getcurrent()
        self._end_us = end_us
        events = self._events
        self.work_posted()
        while events and events[0][0] <= end_us:
            when_us, _, action = heapq.heappop(events)
            self.now_us = when_us
            action()
            self.work_posted()
        self.now_us = end_us

    def work_posted(self) -> None:
        """Do what other threads have posted."""
        while self._posted:
            self._posted.popleft()()
