"""Skipping what only the newest run should do."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pendulum

from sailplane.authoring.timetable_base import DagRunInfo, DataInterval, TimeRestriction, Timetable, timetable_in
from sailplane.model.dags import ScheduleKind
from sailplane.model.states import RunType
from sailplane.operators.branch import BaseBranchOperator
from sailplane.planner.schedule import NextRun, next_run


class LatestOnlyOperator(BaseBranchOperator):
    """Skips the direct downstream tasks in a run whose successor is due already.

    A run that was triggered by hand always counts as the newest.
    """

    ui_color = "#e9ffdb"

    def choose_branch(self, context: Mapping[str, Any]) -> list[str]:
        everything = sorted(self.downstream_task_ids)
        run = context["dag_run"]
        if run.run_type == RunType.MANUAL:
            self.log.info("Manually triggered run: allowing execution to proceed.")
            return everything
        window = self._window(run)
        if window is None:
            self.log.info("Last scheduled run: allowing execution to proceed.")
            return everything
        left, right = window
        now = datetime.now(UTC)
        is_latest = left < now <= right
        self.log.info("The run is the latest from %s to %s, and it is %s: %s", left, right, now, is_latest)
        return everything if is_latest else []

    def _window(self, run: Any) -> tuple[datetime, datetime] | None:
        """From when until when the run is the newest; None when the schedule has no run after it."""
        date = _plain(run.logical_date or run.run_after)
        start = _plain(run.data_interval_start) if run.data_interval_start else date
        end = _plain(run.data_interval_end) if run.data_interval_end else date
        this = NextRun(run_after=end, logical_date=date, data_interval_start=start, data_interval_end=end)
        own = timetable_in(self.dag.schedule) if self.dag.timetable.kind is ScheduleKind.CUSTOM else None
        if own is not None:
            return self._window_by(own, start, end)
        following = next_run(
            self.dag.timetable, start_date=None, end_date=None, catchup=True, last=this, now=datetime.now(UTC)
        )
        return None if following is None else (start, following.data_interval_end)

    def _window_by(self, timetable: Timetable, start: datetime, end: datetime) -> tuple[datetime, datetime] | None:
        restriction = TimeRestriction(earliest=None, latest=None, catchup=True)
        this = DataInterval(pendulum.instance(start), pendulum.instance(end))
        following = timetable.next_dagrun_info_v2(
            last_dagrun_info=DagRunInfo(run_after=this.end, data_interval=this), restriction=restriction
        )
        if following is None:
            return None
        return start, _plain(following.data_interval.end if following.data_interval else following.run_after)


def _plain(moment: datetime) -> datetime:
    """A date of the context, which is pendulum's, as one of the standard library."""
    return datetime.fromtimestamp(moment.timestamp(), UTC)
