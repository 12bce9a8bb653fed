"""Dropping what is too old: messages after their retention, snapshots after their lifetime."""

import asyncio
import time

from localcloud.pubsub.catalog import Catalog, keeps_log
from localcloud.pubsub.snapshots import Snapshots

SHORTEST_PAUSE = 60.0
LONGEST_PAUSE = 86400.0


class Retention:
    """Sweeps when the oldest message on file comes of age; without messages it looks in once a day."""

    def __init__(self, catalog: Catalog, snapshots: Snapshots) -> None:
        self._catalog = catalog
        self._snapshots = snapshots
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._sweep()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _sweep(self) -> None:
        due = self.sweep(time.time())
        pause = min(LONGEST_PAUSE, max(SHORTEST_PAUSE, due))
        self._timer = asyncio.get_running_loop().call_later(pause, self._sweep)

    def sweep(self, now: float) -> float:
        """Drop what has come of age by `now`; returns the seconds until the next thing may."""
        due = LONGEST_PAUSE
        for feed in self._catalog.feeds.values():
            seconds = float(feed.pb.message_retention_duration.seconds)
            feed.forget(self._catalog.store.expire(feed.holder, now - seconds))
            due = min(due, self._next(feed.holder, seconds, now))
        for topic in self._catalog.topics.values():
            if keeps_log(topic.pb):
                seconds = float(topic.pb.message_retention_duration.seconds)
                self._catalog.store.expire(topic.id, now - seconds)
                due = min(due, self._next(topic.id, seconds, now))
        for snapshot in tuple(self._catalog.snapshots.values()):
            if snapshot.pb.expire_time.ToNanoseconds() / 1e9 <= now:
                self._snapshots.remove(snapshot)
        return due

    def _next(self, holder: int, seconds: float, now: float) -> float:
        oldest = self._catalog.store.oldest(holder)
        return seconds if oldest is None else oldest + seconds - now
