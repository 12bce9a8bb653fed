"""Tasks that wait for a person: what is asked, answered, timed out, and what happens at the same moment."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from engine_stage import Stage, dag, task

from sailplane.engine import answering
from sailplane.engine.alarms import Alarms
from sailplane.model import xcom
from sailplane.model.errors import AlreadyExists, Forbidden, NotFound, RequestError
from sailplane.model.execution import Outcome, OutcomeKind, TaskJob
from sailplane.model.human_steps import HumanReply, HumanRequest, HumanStep, Person
from sailplane.model.ids import RunKey, TaskKey
from sailplane.model.resuming import Resumption
from sailplane.model.states import RunState, TaskState

REQUEST = HumanRequest(subject="Deploy?", options=("Yes", "No"), params={"size": {"value": 3, "schema": {}}})
ADA = Person(id="ada", name="Ada")
ASK = TaskKey("ask")
YES = HumanReply(by=ADA, chosen_options=("Yes",), params_input={"size": 4})


def asking(
    stage: Stage, request: HumanRequest = REQUEST, timeout: timedelta | None = None
) -> Callable[[TaskJob], Outcome]:
    """A try that asks first, and succeeds with what it got."""

    def run(job: TaskJob) -> Outcome:
        if job.resumption is not None:
            return Outcome(kind=OutcomeKind.SUCCESS, xcoms={"return_value": job.resumption.event or ""})
        return Outcome(
            kind=OutcomeKind.AWAITING_INPUT,
            question=request,
            resumption=Resumption(method="execute_complete", began_at=job.started_at),
            resume_at=stage.clock() + timeout if timeout else None,
        )

    return run


def begin(stage: Stage, request: HumanRequest = REQUEST, timeout: timedelta | None = None) -> RunKey:
    """A run whose first task waits for an answer, and which has a second."""
    stage.runner.script["ask", 1] = asking(stage, request, timeout)
    key = stage.start(dag(task("ask"), task("after", "ask")))
    stage.deliver_all()
    return key


def answer(stage: Stage, key: RunKey, reply: HumanReply = YES) -> HumanStep:
    return answering.answer(stage.cloud, key, ASK, reply, stage.clock)


def test_a_task_that_asks_waits_without_a_message_or_an_alarm(stage: Stage) -> None:
    key = begin(stage)
    instance = stage.instance(key, "ask")
    assert (instance.state, instance.alarm_at, stage.bus.held) == (TaskState.AWAITING_INPUT, None, [])
    step = stage.cloud.store.question(key, ASK, 1)
    assert step is not None
    assert (step.request, step.answer, step.asked_at) == (REQUEST, None, stage.clock())


def test_the_answer_lets_the_same_try_go_on(stage: Stage) -> None:
    key = begin(stage)
    began = stage.instance(key, "ask").started_at
    stage.clock.turn(hours=30)
    answer(stage, key)
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    instance = stage.instance(key, "ask")
    assert (instance.try_number, instance.started_at, instance.resumption) == (1, began, None)
    event = xcom.loads(instance.xcoms["return_value"])
    assert event == {
        "chosen_options": ["Yes"],
        "params_input": {"size": 4},
        "responded_at": stage.clock(),
        "responded_by_user": {"id": "ada", "name": "Ada"},
        "timedout": False,
    }
    assert stage.runner.tries == [("ask", 1), ("ask", 1), ("after", 1)]


def test_the_answer_is_kept_with_the_question(stage: Stage) -> None:
    key = begin(stage)
    given = answer(stage, key)
    stage.deliver_all()
    assert stage.cloud.store.question(key, ASK, 1) == given
    assert given.answer is not None
    assert (given.answer.answered_by, given.answer.chosen_options) == (ADA, ("Yes",))


def test_an_answer_whose_message_is_lost_is_published_again_by_the_alarm(stage: Stage) -> None:
    key = begin(stage)
    answer(stage, key)
    stage.bus.take()
    stage.clock.turn(seconds=31)
    stage.tick()
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS


def test_only_the_first_answer_counts(stage: Stage) -> None:
    key = begin(stage)
    answer(stage, key)
    with pytest.raises(AlreadyExists, match="has been answered already"):
        answer(stage, key, replace(YES, chosen_options=("No",)))
    stage.deliver_all()
    with pytest.raises(AlreadyExists, match="has been answered already"):
        answer(stage, key)
    assert stage.runner.tries.count(("after", 1)) == 1


@pytest.mark.parametrize(
    ("reply", "error", "message"),
    [
        (HumanReply(by=ADA, chosen_options=("Maybe",)), RequestError, r"Invalid options \['Maybe'\]"),
        (HumanReply(by=ADA, chosen_options=()), RequestError, "no option is chosen; there are: Yes, No"),
        (HumanReply(by=ADA, chosen_options=("Yes", "No")), RequestError, "accepts only a single option"),
        (
            HumanReply(by=ADA, chosen_options=("No",), params_input={"a": "b" * 100_001}),
            RequestError,
            "100,000 are allowed",
        ),
    ],
)
def test_what_is_no_answer_is_refused_and_changes_nothing(
    stage: Stage, reply: HumanReply, error: type[Exception], message: str
) -> None:
    key = begin(stage)
    before = stage.instance(key, "ask")
    with pytest.raises(error, match=message):
        answer(stage, key, reply)
    assert stage.instance(key, "ask") == before


def test_only_those_who_are_asked_may_answer(stage: Stage) -> None:
    key = begin(stage, replace(REQUEST, assigned_users=(Person(id="bob", name="Bob"),)))
    with pytest.raises(Forbidden, match="only bob may answer"):
        answer(stage, key)
    answer(stage, key, replace(YES, by=Person(id="bob", name="Robert")))


def test_a_task_that_asks_nothing_cannot_be_answered(stage: Stage) -> None:
    key = begin(stage)
    with pytest.raises(NotFound, match="has no task instance after"):
        answering.answer(stage.cloud, key, TaskKey("after"), YES, stage.clock)
    answer(stage, key)
    stage.deliver_all()
    with pytest.raises(NotFound, match=r"task instance after of run .* asks nothing"):
        answering.answer(stage.cloud, key, TaskKey("after"), YES, stage.clock)


def test_nobody_answers_in_time_and_the_defaults_are_taken(stage: Stage) -> None:
    key = begin(stage, replace(REQUEST, defaults=("No",)), timeout=timedelta(minutes=5))
    stage.clock.turn(minutes=4, seconds=59)
    stage.tick()
    assert stage.states(key) == {"ask": "awaiting_input"}
    stage.clock.turn(seconds=1)
    stage.tick()
    stage.deliver_all()
    step = stage.cloud.store.question(key, ASK, 1)
    assert step is not None
    assert step.answer is not None
    assert (step.answer.chosen_options, step.answer.answered_by) == (("No",), None)
    event = xcom.loads(stage.instance(key, "ask").xcoms["return_value"])
    assert (event["chosen_options"], event["params_input"], event["timedout"]) == (["No"], {"size": 3}, True)
    assert stage.run(key).state is RunState.SUCCESS


def test_nobody_answers_in_time_and_there_are_no_defaults(stage: Stage) -> None:
    key = begin(stage, timeout=timedelta(minutes=5))
    stage.clock.turn(minutes=5)
    stage.tick()
    stage.deliver_all()
    assert xcom.loads(stage.instance(key, "ask").xcoms["return_value"])["error_type"] == "timeout"
    step = stage.cloud.store.question(key, ASK, 1)
    assert step is not None
    assert step.answer is None


def test_the_alarm_that_comes_after_the_answer_does_nothing(stage: Stage) -> None:
    key = begin(stage, replace(REQUEST, defaults=("No",)), timeout=timedelta(minutes=5))
    waiting = stage.instance(key, "ask")  # As a tick read it, right before the answer.
    stage.clock.turn(minutes=5)
    answer(stage, key)
    Alarms(stage.cloud, stage.clock).answer_task(waiting)
    stage.deliver_all()
    step = stage.cloud.store.question(key, ASK, 1)
    assert step is not None
    assert step.answer is not None
    assert step.answer.chosen_options == ("Yes",)


def test_a_run_that_takes_too_long_ends_its_questions(stage: Stage) -> None:
    stage.runner.script["ask", 1] = asking(stage)
    key = stage.start(dag(task("ask"), dagrun_timeout=timedelta(hours=1)))
    stage.deliver_all()
    stage.clock.turn(hours=1, minutes=1)
    stage.tick()
    stage.deliver_all()
    assert (stage.states(key), stage.run(key).state) == ({"ask": "skipped"}, RunState.FAILED)
    with pytest.raises(AlreadyExists, match="is skipped: it waits for no answer any more"):
        answer(stage, key)


def test_a_retry_asks_anew(stage: Stage) -> None:
    stage.runner.script["ask", 1] = lambda job: (
        Outcome(kind=OutcomeKind.FAILED) if job.resumption else asking(stage)(job)
    )
    stage.runner.script["ask", 2] = asking(stage)
    key = stage.start(dag(task("ask", retries=1, retry_delay=timedelta(minutes=5))))
    stage.deliver_all()
    answer(stage, key)
    stage.deliver_all()
    assert stage.states(key) == {"ask": "up_for_retry"}
    stage.clock.turn(minutes=6)
    stage.tick()
    stage.deliver_all()
    assert stage.states(key) == {"ask": "awaiting_input"}
    answer(stage, key)
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    asked = [stage.cloud.store.question(key, ASK, number) for number in (1, 2)]
    assert all(step is not None and step.answer is not None for step in asked)


def test_questions_are_found_by_dag_and_run_and_by_whether_they_are_answered(stage: Stage) -> None:
    first = begin(stage)
    stage.clock.turn(minutes=1)
    second = begin(stage)
    answer(stage, first)
    store = stage.cloud.store
    assert [step.run for step in store.questions()] == [second, first]
    assert [step.run for step in store.questions(answered=True)] == [first]
    assert [step.run for step in store.questions(dag_id="flight", answered=False)] == [second]
    assert [step.run for step in store.questions(run=first)] == [first]
    assert store.questions(dag_id="other") == []


@pytest.mark.localcloud
def test_a_question_costs_one_write_and_its_answer_one_more(stage: Stage) -> None:
    stage.start(dag(task("ask")))
    before = stage.count()
    stage.deliver_all()
    without = stage.since(before)["firestore.writes"]
    stage.clock.turn(minutes=1)
    stage.runner.script["ask", 1] = asking(stage)
    key = stage.start(dag(task("ask")))
    before = stage.count()
    stage.deliver_all()
    answer(stage, key)
    stage.deliver_all()
    # Asked, answered, and three of the task: it waits, is queued, runs again.
    assert stage.since(before)["firestore.writes"] == without + 5
