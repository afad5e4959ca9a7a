"""Several feeds merged fairly, on one clock."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import cast

from ._layout import Answer
from .errors import Damaged, Moved, Overrun, Stale
from .reader import Event, Reader
from .records import Record

# One feed's records in a row while another has one: a feed whose times lie behind all
# others' must not keep them waiting.
BURST = 1024

NAP_S = 0.0005  # the latency of a poller that sleeps: there are several doorbells
LASTING = (Answer.STALE, Answer.CLOSED, Answer.SUPERSEDED, Answer.DAMAGED)


class _Feed:
    """One reader and the record of it that is held."""

    def __init__(self, index: int, reader: Reader) -> None:
        self.index = index
        self.reader = reader
        self.core = reader._core
        self.record: Record | None = None
        self.time = 0
        self.said = Answer.EMPTY

    def fill(self) -> Event | None:
        """Hold a record; an event that comes before it, if there is one."""
        self.record = self.reader.next()
        if self.record is not None:
            self.time = self.record.publish_time_ns
            self.said = Answer.EMPTY
            return None
        answer = self.reader.answer
        if answer is Answer.OVERRUN:
            return Event(answer, self.reader.lost, self.reader.generation)
        if answer in LASTING and self.reader.follow and self.reader.moved_on():
            self.said = Answer.EMPTY
            return Event(Answer.SUPERSEDED, 0, self.reader.generation)
        begins = answer in LASTING and answer is not self.said
        self.said = answer
        return Event(answer, 0, self.reader.generation) if begins else None


class Poller:
    """Merges the records of several readers by publish_time_ns, one clock for all venues.

    It holds one record of each feed and hands out the one that was published first. It
    does not wait for a feed that has none, so that a quiet venue delays nobody; a record
    that is published later may therefore carry an earlier time. The readers are the
    poller's while it is used.
    """

    def __init__(self, readers: Sequence[Reader]) -> None:
        self._feeds = [_Feed(i, reader) for i, reader in enumerate(readers)]
        self._last: _Feed | None = None
        self._row = 0

    @property
    def readers(self) -> list[Reader]:
        """The readers, in the order of the indices."""
        return [feed.reader for feed in self._feeds]

    def next(self) -> tuple[int, Record | Event] | None:
        """The next record or event, and which feed's it is; None when there is none."""
        held = []
        for feed in self._feeds:
            if feed.record is None:
                event = feed.fill()
                if event is not None:
                    return feed.index, event
            if feed.record is not None:
                held.append(feed)
        if not held:
            return None
        feed = self._choose(held)
        record, feed.record = feed.record, None
        return feed.index, cast("Record", record)

    def _choose(self, held: list[_Feed]) -> _Feed:
        """The least time; the first in the order of opening among equals."""
        feed = min(held, key=lambda feed: feed.time)
        if feed is self._last and self._row >= BURST and len(held) > 1:
            feed = min((f for f in held if f is not self._last), key=lambda feed: feed.time)
        self._row = self._row + 1 if feed is self._last else 1
        self._last = feed
        return feed

    def records(
        self,
        *,
        timeout: float | None = None,
        on_event: Callable[[int, Event], None] | None = None,
    ) -> Iterator[tuple[int, Record]]:
        """Records as they come, with the index of their feed.

        Events are told to on_event, or raised: Overrun, Stale, Damaged. It ends when all
        feeds have, or after `timeout` seconds without a record.
        """
        heard = time.monotonic()
        ended: set[int] = set()
        while len(ended) < len(self._feeds):
            item = self.next()
            if item is None:
                if timeout is not None and time.monotonic() - heard >= timeout:
                    return
                time.sleep(NAP_S)
                continue
            index, what = item
            if isinstance(what, Event):
                self._settle(index, what, on_event, ended)
            else:
                heard = time.monotonic() if timeout is not None else heard
                yield index, what

    def _settle(
        self,
        index: int,
        event: Event,
        on_event: Callable[[int, Event], None] | None,
        ended: set[int],
    ) -> None:
        follows = self._feeds[index].reader.follow
        if event.answer is Answer.DAMAGED or (
            event.answer in {Answer.CLOSED, Answer.SUPERSEDED} and not follows
        ):
            ended.add(index)
        if on_event is not None:
            on_event(index, event)
        elif event.answer is Answer.OVERRUN:
            raise Overrun(event.lost)
        elif event.answer is Answer.STALE:
            raise Stale
        elif event.answer is Answer.DAMAGED:
            raise Damaged
        elif event.answer is Answer.SUPERSEDED and follows:
            raise Moved(event.generation)
