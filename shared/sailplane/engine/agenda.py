"""The agenda of one tick: what will ring before it ends, as far as it was read."""

from datetime import datetime

from sailplane.cloud.store import DueAlarms
from sailplane.model.assets import AssetQueue
from sailplane.model.runs import DagRun, DagSchedule, TaskInstance

Alarmed = DagSchedule | DagRun | TaskInstance | AssetQueue


class Agenda:
    """Records by the time of their alarm. A record may be seconds old: whatever is done about it is guarded by its
    token, so that one that was changed meanwhile is left alone."""

    def __init__(self) -> None:
        self._records: dict[object, Alarmed] = {}

    def learn(self, due: DueAlarms, until: datetime) -> None:
        """Take in what a look up to `until` found. What was to ring by then and was not found was changed meanwhile."""
        read: tuple[Alarmed, ...] = (*due.schedules, *due.runs, *due.tasks, *due.queues)
        found = {_key(each): each for each in read if each.alarm_at is not None}
        later = {key: each for key, each in self._records.items() if _rings_at(each) > until}
        self._records = later | found

    def note(self, record: Alarmed) -> None:
        """Take in one whose alarm was set just now."""
        if record.alarm_at is not None:
            self._records[_key(record)] = record

    def take(self, now: datetime) -> list[Alarmed]:
        """What rings by `now`, in no order; it is forgotten."""
        ringing = [key for key, each in self._records.items() if _rings_at(each) <= now]
        return [self._records.pop(key) for key in ringing]

    @property
    def next(self) -> datetime | None:
        return min(map(_rings_at, self._records.values()), default=None)

    @property
    def last(self) -> datetime | None:
        return max(map(_rings_at, self._records.values()), default=None)


def _rings_at(record: Alarmed) -> datetime:
    assert record.alarm_at is not None
    return record.alarm_at


def _key(record: Alarmed) -> object:
    if isinstance(record, TaskInstance):
        return record.run, record.key
    if isinstance(record, AssetQueue):
        return record.dag_id, record.asset_id
    return record.key if isinstance(record, DagRun) else record.dag_id
