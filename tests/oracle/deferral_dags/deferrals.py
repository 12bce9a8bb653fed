"""Tasks that defer themselves, for Airflow's scheduler and triggerer, and for Sailplane."""

import asyncio
from datetime import UTC, datetime, timedelta

from airflow.providers.standard.sensors.filesystem import FileSensor
from airflow.providers.standard.sensors.time_delta import TimeDeltaSensor, WaitSensor
from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import DAG, BaseOperator, BaseSensorOperator, task
from airflow.triggers.base import BaseTrigger, TaskFailedEvent, TaskSkippedEvent, TaskSuccessEvent, TriggerEvent

ARGUMENTS = {"schedule": None, "start_date": datetime(2024, 1, 1, tzinfo=UTC), "catchup": False}
SOON = timedelta(seconds=0.2)
END_EVENTS = {"success": TaskSuccessEvent, "failed": TaskFailedEvent, "skipped": TaskSkippedEvent}


class Fires(BaseTrigger):
    """Fires `payload`, or does what `instead` says."""

    def __init__(self, payload=None, instead=None):
        super().__init__()
        self.payload, self.instead = payload, instead

    def serialize(self):
        return "deferrals.Fires", {"payload": self.payload, "instead": self.instead}

    async def run(self):
        if self.instead == "raise":
            raise ValueError("the trigger is broken")
        if self.instead == "sleep":
            await asyncio.sleep(3600)
        if self.instead in END_EVENTS:
            yield END_EVENTS[self.instead]()
        elif self.instead != "nothing":
            yield TriggerEvent(self.payload)


class Defers(BaseOperator):
    """Goes through the deferrals that `ways` names, one after the other; returns what it was given on its way."""

    def __init__(self, *, ways, patience=None, **kwargs):
        super().__init__(**kwargs)
        self.ways, self.patience = ways, patience

    def execute(self, context):
        context["ti"].xcom_push(key="before", value="kept")
        self.go_on([], self.ways)

    def go_on(self, seen, left):
        trigger = TimeDeltaTrigger(SOON) if left[0] == "time" else Fires({"way": left[0]}, left[0])
        self.defer(
            trigger=trigger, method_name="resume", kwargs={"seen": seen, "left": left[1:]}, timeout=self.patience
        )

    def resume(self, context, event, seen, left):
        seen = [*seen, "moment" if isinstance(event, datetime) else event["way"]]
        if left:
            self.go_on(seen, left)
        ti = context["ti"]
        kept = ti.xcom_pull(task_ids=self.task_id, key="before", map_indexes=ti.map_index)
        return [*seen, ti.try_number, kept]


class FailsFirst(Defers):
    """Its first try fails after the wait."""

    def resume(self, context, event, seen, left):
        if context["ti"].try_number == 1:
            raise RuntimeError("not yet")
        return super().resume(context, event, seen, left)


class Recovers(Defers):
    """Goes on when what it waited for has failed."""

    def resume_execution(self, next_method, next_kwargs, context):
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except Exception as error:
            return f"{type(error).__name__}: {error}"


class Waits(BaseSensorOperator):
    """A sensor whose wait does what `way` says."""

    def __init__(self, *, way, patience=None, **kwargs):
        super().__init__(**kwargs)
        self.way, self.patience = way, patience

    def execute(self, context):
        self.defer(trigger=Fires("found", self.way), method_name="found", timeout=self.patience)

    def found(self, context, event):
        return event


def operators(dag_id, kind, **ways):
    with DAG(dag_id, **ARGUMENTS) as dag:
        for task_id, arguments in ways.items():
            kind(task_id=task_id, **arguments)
    return dag


RETRIED = {"retries": 1, "retry_delay": SOON}

deferred_once = operators(
    "deferred_once", Defers, event={"ways": ["event"]}, moment={"ways": ["time"]}, several={"ways": ["a", "time", "b"]}
)
deferred_in_vain = operators(
    "deferred_in_vain",
    Defers,
    raises={"ways": ["raise"]},
    raises_again={"ways": ["raise"], **RETRIED},
    ends_without_event={"ways": ["nothing"]},
    too_late={"ways": ["sleep"], "patience": timedelta(seconds=1)},
    too_late_again={"ways": ["sleep"], "patience": timedelta(seconds=1), **RETRIED},
)
deferred_and_retried = operators("deferred_and_retried", FailsFirst, again={"ways": ["event", "time"], **RETRIED})
deferred_and_recovered = operators(
    "deferred_and_recovered",
    Recovers,
    raises={"ways": ["raise"]},
    too_late={"ways": ["sleep"], "patience": timedelta(seconds=1)},
)
ended_by_trigger = operators(
    "ended_by_trigger",
    Defers,
    success={"ways": ["success"]},
    failed={"ways": ["failed"], **RETRIED},
    skipped={"ways": ["skipped"]},
)
deferred_sensors = operators(
    "deferred_sensors",
    Waits,
    found={"way": "event"},
    raises={"way": "raise"},
    raises_softly={"way": "raise", "soft_fail": True},
    never_fails={"way": "raise", "never_fail": True},
    too_late={"way": "sleep", "patience": 1, **RETRIED},
    too_late_softly={"way": "sleep", "patience": 1, "soft_fail": True},
)

with DAG("deferrable_sensors", **ARGUMENTS) as deferrable_sensors:
    TimeDeltaSensor(task_id="delta", delta=timedelta(seconds=-5), deferrable=True)
    WaitSensor(task_id="wait", time_to_wait=SOON, deferrable=True)
    FileSensor(task_id="file", filepath=__file__, deferrable=True)
    FileSensor(task_id="no_file", filepath="/no/file", deferrable=True, timeout=1, poke_interval=0.2, soft_fail=True)

with DAG("deferred_and_mapped", **ARGUMENTS) as deferred_and_mapped:

    @task
    def total(values):
        return sorted(str(value) for value in values)

    total(Defers.partial(task_id="each").expand(ways=[["a"], ["b", "time"], ["c"]]).output)
