"""Asking a DAG's own timetable which runs come next."""

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from sailplane.authoring.exceptions import AirflowTimetableInvalid
from sailplane.authoring.origin import authors_part, origin_of_error
from sailplane.authoring.timetable_base import (
    DagRunInfo,
    DataInterval,
    TimeRestriction,
    Timetable,
    in_pendulum,
    timetable_in,
)
from sailplane.model.execution import Outcome, OutcomeKind
from sailplane.model.planning import HORIZON, PLANNED_AHEAD, AboutSchedule, Plan, PlannedRun
from sailplane.model.runs import ErrorInfo
from sailplane.model.states import RunType

if TYPE_CHECKING:
    from sailplane.authoring.dag import DAG

_log = logging.getLogger("sailplane.task.timetable")


def execute(dag: "DAG", about: AboutSchedule) -> Outcome:
    """The plan of the DAG's timetable, as the XCom `plan`. Never raises for what its code does."""
    try:
        found = plan(dag, about)
    except Exception as error:  # The edge to user code.
        _log.error("Timetable failed", exc_info=(type(error), error, authors_part(error.__traceback__)))
        return Outcome(kind=OutcomeKind.FAILED, error=_described(error, dag))
    return Outcome(kind=OutcomeKind.SUCCESS, xcoms={"plan": msgspec.json.encode(found).decode()})


def plan(dag: "DAG", about: AboutSchedule) -> Plan:
    """The runs that follow the last one, until the timetable knows no more or it is enough.

    Raises `AirflowTimetableInvalid` for an answer that is none, and whatever the timetable raises.
    """
    timetable = timetable_in(dag.schedule)
    if timetable is None:
        raise AirflowTimetableInvalid(f"DAG {dag.dag_id!r} has no timetable that could be asked")
    restriction = restriction_of(dag)
    last = _info(about.last) if about.last is not None else None
    found: list[PlannedRun] = []
    while len(found) < PLANNED_AHEAD:
        info = timetable.next_dagrun_info_v2(last_dagrun_info=last, restriction=restriction)
        if info is None:
            break
        run = _checked(timetable, info)
        if found and not _goes_on(found[-1], run, about.now):
            break
        found.append(run)
        last = _info(run)
    return Plan(runs=tuple(found))


def restriction_of(dag: "DAG", *, catchup: bool | None = None) -> TimeRestriction:
    """What bounds the DAG's runs."""
    return TimeRestriction(
        earliest=in_pendulum(dag.start_date) if dag.start_date else None,
        latest=in_pendulum(dag.end_date) if dag.end_date else None,
        catchup=dag.catchup if catchup is None else catchup,
    )


def _goes_on(before: PlannedRun, run: PlannedRun, now: datetime) -> bool:
    """Whether to plan `run` too, which must lie after the one before: some say "as soon as possible" each time."""
    is_later = run.run_after > before.run_after or run.start > before.start
    return is_later and run.run_after <= now + HORIZON


def _checked(timetable: Timetable, info: Any) -> PlannedRun:
    if not isinstance(info, DagRunInfo) or not isinstance(info.run_after, datetime):
        raise AirflowTimetableInvalid(
            f"{timetable.type_name}.next_dagrun_info must return a DagRunInfo or None, but returned {info!r}"
        )
    interval = info.data_interval or DataInterval.exact(info.run_after)
    run_id = ""
    if type(timetable).generate_run_id is not Timetable.generate_run_id:
        run_id = timetable.generate_run_id(
            run_type=RunType.SCHEDULED, run_after=info.run_after, data_interval=info.data_interval
        )
    moments = {"run_after": info.run_after, "start": interval.start, "end": interval.end}
    return PlannedRun(**{name: _utc(timetable, name, moment) for name, moment in moments.items()}, run_id=run_id)


def _utc(timetable: Timetable, name: str, moment: datetime) -> datetime:
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise AirflowTimetableInvalid(
            f"{timetable.type_name}.next_dagrun_info returned {name} {moment} without a time zone; give it one, as in "
            "pendulum.datetime(2026, 1, 1, tz='Europe/Paris')"
        )
    return datetime.fromtimestamp(moment.timestamp(), UTC)


def _info(run: PlannedRun) -> DagRunInfo:
    interval = DataInterval(start=in_pendulum(run.start), end=in_pendulum(run.end))
    return DagRunInfo(run_after=in_pendulum(run.run_after), data_interval=interval)


def _described(error: Exception, dag: "DAG") -> ErrorInfo:
    origin = origin_of_error(error.__traceback__, dag.folder)
    return ErrorInfo(
        kind=type(error).__name__,
        message=str(error) or type(error).__name__,
        file=origin.file.removeprefix(dag.folder.rstrip("/") + "/") if origin else None,
        line=origin.line if origin else None,
    )
