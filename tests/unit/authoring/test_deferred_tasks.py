"""Tasks that defer themselves, run as a worker's child runs them."""

from datetime import UTC, datetime, timedelta

import pytest
from authored_bundle import Bundle

from sailplane.authoring.dag import DAG
from sailplane.model import xcom
from sailplane.model.execution import Outcome, OutcomeKind

FLOW = """
    import asyncio
    from datetime import timedelta

    from sailplane import DAG, BaseOperator, BaseTrigger, StartTriggerArgs, TriggerEvent
    from sailplane.authoring.trigger import TaskFailedEvent, TaskSkippedEvent, TaskSuccessEvent

    ENDS = {"success": TaskSuccessEvent, "failed": TaskFailedEvent, "skipped": TaskSkippedEvent}


    class Countdown(BaseTrigger):
        def __init__(self, left=0, pause=60, ends=None):
            super().__init__()
            self.left, self.pause, self.ends = left, pause, ends

        def serialize(self):
            return f"{__name__}.Countdown", {"left": self.left, "pause": self.pause, "ends": self.ends}

        async def run(self):
            if self.ends == "error":
                raise RuntimeError("the bus is late")
            if self.ends == "nothing":
                return
            while self.left:
                await asyncio.sleep(self.pause)
                self.left -= 1
            yield ENDS[self.ends](xcoms={"how": "by itself"}) if self.ends else TriggerEvent({"waited": True})


    class Waits(BaseOperator):
        template_fields = ("name",)

        def __init__(self, *, name="{{ ti.try_number }}", trigger=None, patience=None, **kwargs):
            super().__init__(**kwargs)
            self.name, self.trigger, self.patience = name, trigger or {}, patience
            self.seen = None

        def execute(self, context):
            context["ti"].xcom_push("before", 1)
            self.seen = "execute"
            self.defer(
                trigger=Countdown(**self.trigger),
                method_name="execute_complete",
                kwargs={"greeting": "hello"},
                timeout=self.patience,
            )

        def execute_complete(self, context, event, greeting):
            return [greeting, event, self.name, self.seen]


    class Starts(BaseOperator):
        template_fields = ("left",)
        start_trigger_args = StartTriggerArgs(
            trigger_cls=f"{__name__}.Countdown",
            trigger_kwargs={"left": "{{ 0 }}", "pause": 7},
            next_method="arrive",
            next_kwargs={"by": "trigger"},
        )
        start_from_trigger = True
        left = None

        def arrive(self, context, event, by):
            return [event, by]


    with DAG("waits", render_template_as_native_obj=True) as dag:
        Starts(task_id="starts")
        Waits(task_id="at_once")
        Waits(task_id="later", trigger={"left": 2})
        Waits(task_id="impatient", trigger={"left": 2}, patience=timedelta(seconds=90))
        for ends in ("success", "failed", "skipped", "error", "nothing"):
            Waits(task_id=ends, trigger={"ends": ends})
"""


@pytest.fixture
def dag(bundle: Bundle) -> DAG:
    return bundle.one(FLOW)


def go_on(bundle: Bundle, dag: DAG, task_id: str, outcome: Outcome, after: float) -> Outcome:
    """The next part of the try, as if `after` seconds had passed."""
    resumption, past = outcome.resumption, timedelta(seconds=after)
    assert resumption is not None
    assert resumption.trigger is not None
    moved = {"asleep_since": resumption.trigger.asleep_since - past}
    trigger = type(resumption.trigger)(**{**vars(resumption.trigger), **moved})
    timeout_at = resumption.timeout_at - past if resumption.timeout_at else None
    again = type(resumption)(
        **{**vars(resumption), "trigger": trigger, "timeout_at": timeout_at, "xcoms": outcome.xcoms}
    )
    return bundle.run(dag, task_id, resumption=again)


def test_an_event_that_is_there_at_once_costs_no_wait(bundle: Bundle, dag: DAG) -> None:
    outcome = bundle.run(dag, "at_once")
    assert outcome.kind is OutcomeKind.SUCCESS
    assert xcom.loads(outcome.xcoms["return_value"]) == ["hello", {"waited": True}, 1, None]
    assert xcom.loads(outcome.xcoms["before"]) == 1


def test_a_task_may_begin_with_its_trigger(bundle: Bundle, dag: DAG) -> None:
    assert bundle.value(dag, "starts") == [{"waited": True}, "trigger"]


def test_a_trigger_that_sleeps_gives_the_worker_back_until_its_sleep_is_over(bundle: Bundle, dag: DAG) -> None:
    before = datetime.now(UTC)
    outcome = bundle.run(dag, "later")
    assert outcome.kind is OutcomeKind.DEFERRED
    assert outcome.resume_at is not None
    assert 59 < (outcome.resume_at - before).total_seconds() < 90
    assert outcome.resumption is not None
    assert outcome.resumption.method == "execute_complete"
    assert outcome.xcoms == {"before": "1"}


def test_a_trigger_made_anew_goes_on_from_what_it_serialized(bundle: Bundle, dag: DAG) -> None:
    first = bundle.run(dag, "later")
    second = go_on(bundle, dag, "later", first, after=61)
    assert second.kind is OutcomeKind.DEFERRED
    third = go_on(bundle, dag, "later", second, after=61)
    assert third.kind is OutcomeKind.SUCCESS
    assert xcom.loads(third.xcoms["return_value"])[1] == {"waited": True}
    assert third.xcoms["before"] == "1"


def test_a_trigger_woken_early_sleeps_the_rest(bundle: Bundle, dag: DAG) -> None:
    first = bundle.run(dag, "later")
    second = go_on(bundle, dag, "later", first, after=20)
    assert second.kind is OutcomeKind.DEFERRED
    assert second.resumption is not None
    assert second.resumption.trigger is not None
    assert 38 < second.resumption.trigger.asleep_for < 41


def test_a_deferral_that_lasts_too_long_fails_the_task(bundle: Bundle, dag: DAG) -> None:
    first = bundle.run(dag, "impatient")
    second = go_on(bundle, dag, "impatient", first, after=61)
    assert second.resumption is not None
    assert second.resume_at == second.resumption.timeout_at
    late = go_on(bundle, dag, "impatient", second, after=31)
    assert late.error is not None
    assert (late.error.kind, late.error.message) == ("TaskDeferralTimeout", "Trigger timeout")


def test_a_trigger_may_end_its_task_by_itself(bundle: Bundle, dag: DAG) -> None:
    kinds = {name: bundle.run(dag, name).kind for name in ("success", "failed", "skipped")}
    assert kinds == {
        "success": OutcomeKind.SUCCESS,
        "failed": OutcomeKind.FAILED,
        "skipped": OutcomeKind.SKIPPED,
    }
    assert xcom.loads(bundle.run(dag, "success").xcoms["how"]) == "by itself"


def test_a_trigger_that_raises_fails_its_task_with_its_traceback_in_the_log(
    bundle: Bundle, dag: DAG, caplog: pytest.LogCaptureFixture
) -> None:
    outcome = bundle.run(dag, "error")
    assert outcome.kind is OutcomeKind.FAILED
    assert outcome.error is not None
    assert (outcome.error.kind, outcome.error.message) == ("TaskDeferralError", "Trigger failure")
    assert "the bus is late" in caplog.text


def test_a_trigger_without_an_event_fails_its_task(bundle: Bundle, dag: DAG, caplog: pytest.LogCaptureFixture) -> None:
    assert bundle.run(dag, "nothing").kind is OutcomeKind.FAILED
    assert "has ended without an event" in caplog.text


MISTAKES = {
    "trigger=None": "trigger must be a BaseTrigger, not None",
    "trigger=Odd('nowhere.Trigger')": "trigger 'nowhere.Trigger' cannot be imported",
    "trigger=Odd(f'{__name__}.DAG')": "which serialize() named, is no BaseTrigger",
    "trigger=Odd('x', {'lock': open})": "builtin_function_or_method",
    "trigger=Odd('x'), kwargs={'lock': open}": "builtin_function_or_method",
    "trigger=Odd(f'{__name__}.Fires', {'payload': 'lock'})": "builtin_function_or_method",
}
MISTAKEN = """
    from sailplane import DAG, BaseOperator, BaseTrigger, TriggerEvent

    class Odd(BaseTrigger):
        def __init__(self, path, arguments={{"dag_id": "x"}}):
            super().__init__()
            self.path, self.arguments = path, arguments

        def serialize(self):
            return self.path, self.arguments

        async def run(self):
            yield TriggerEvent()

    class Fires(Odd):
        def __init__(self, payload):
            super().__init__("")

        async def run(self):
            yield TriggerEvent(open)

    class Defers(BaseOperator):
        def execute(self, context):
            self.defer({arguments}, method_name="resume")

    with DAG("mistaken"):
        Defers(task_id="t")
"""


@pytest.mark.parametrize(("arguments", "message"), MISTAKES.items(), ids=list(MISTAKES))
def test_a_mistake_in_deferring_says_what_is_wrong(bundle: Bundle, arguments: str, message: str) -> None:
    outcome = bundle.run(bundle.one(MISTAKEN.format(arguments=arguments)), "t")
    assert outcome.kind is OutcomeKind.FAILED
    assert outcome.error is not None
    assert message in outcome.error.message


def test_a_method_that_is_not_there_is_named(bundle: Bundle) -> None:
    text = MISTAKEN.format(arguments="trigger=Odd(f'{__name__}.Odd', {'path': '', 'arguments': {}})")
    outcome = bundle.run(bundle.one(text), "t")
    assert outcome.error is not None
    assert "task 't' was to go on with its method 'resume', which Defers does not have" in outcome.error.message


def test_a_trigger_leaves_time_for_what_follows_it(bundle: Bundle) -> None:
    text = """
        import asyncio
        from datetime import timedelta
        from sailplane import DAG, BaseOperator, BaseTrigger

        class Hangs(BaseTrigger):
            def serialize(self):
                return f"{__name__}.Hangs", {}

            async def run(self):
                await asyncio.Event().wait()
                yield

        class Defers(BaseOperator):
            def execute(self, context):
                self.defer(trigger=Hangs(), method_name="resume")

        with DAG("hangs"):
            Defers(task_id="t", execution_timeout=timedelta(seconds=0.2))
            Defers(task_id="u")
    """
    dag = bundle.one(text)
    assert bundle.run(dag, "t").kind is OutcomeKind.DEFERRED
    assert bundle.run(dag, "u", time_limit=timedelta(seconds=0.2)).kind is OutcomeKind.DEFERRED
