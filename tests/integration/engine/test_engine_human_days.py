"""Questions to people in runs that are held, limited, cleared or marked; and in real child processes."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from engine_flights import Flight
from engine_stage import Stage, dag, task

from localcloud.faults import Fault, FaultKind
from sailplane.engine import answering, clearing, holding, pools
from sailplane.engine.clearing import Clear
from sailplane.model import xcom
from sailplane.model.deadlines import ReferenceKind, SerializedDeadline
from sailplane.model.errors import AlreadyExists
from sailplane.model.execution import Outcome, OutcomeKind, TaskJob
from sailplane.model.human_steps import HumanReply, HumanRequest, Person
from sailplane.model.ids import RunKey, TaskKey
from sailplane.model.pools import Pool
from sailplane.model.resuming import Resumption
from sailplane.model.states import RunState
from sailplane.model.usage import total

ASK = TaskKey("ask")
YES = HumanReply(by=Person(id="ada", name="Ada"), chosen_options=("Yes",))


def asks(job: TaskJob) -> Outcome:
    if job.resumption is not None:
        return Outcome(kind=OutcomeKind.SUCCESS)
    return Outcome(
        kind=OutcomeKind.AWAITING_INPUT,
        question=HumanRequest(subject="Deploy?", options=("Yes", "No")),
        resumption=Resumption(method="execute_complete", began_at=job.started_at),
    )


def answer(stage: Stage, key: RunKey) -> None:
    answering.answer(stage.cloud, key, ASK, YES, stage.clock)


def test_what_is_answered_in_a_run_that_is_held_goes_on_when_that_does(stage: Stage) -> None:
    stage.runner.script["ask", 1] = asks
    key = stage.start(dag(task("ask"), task("after", "ask")))
    stage.deliver_all()
    holding.hold(stage.cloud, stage.clock, key, reason="wait", by="ann")
    answer(stage, key)
    for _ in range(2):
        stage.clock.turn(minutes=11)
        stage.tick()
        stage.deliver_all()
    assert stage.runner.tries == [("ask", 1)]
    holding.resume(stage.cloud, stage.clock, key)
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    assert stage.runner.tries == [("ask", 1), ("ask", 1), ("after", 1)]


def test_a_task_that_waits_for_a_person_holds_no_slot_and_takes_one_to_go_on(stage: Stage) -> None:
    pools.put(stage.cloud, Pool(name="db", slots=1, include_deferred=True), stage.clock)
    stage.runner.script["ask", 1] = asks
    key = stage.start(dag(task("ask", pool="db", priority_weight=9), task("other", pool="db")))
    stage.deliver_all()
    assert stage.states(key) == {"ask": "awaiting_input", "other": "success"}
    answer(stage, key)
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS


def test_an_answer_waits_for_its_slot(stage: Stage) -> None:
    pools.put(stage.cloud, Pool(name="db", slots=1), stage.clock)
    stage.runner.script["ask", 1] = asks

    def answers(job: TaskJob) -> Outcome:
        answer(stage, job.run.key)
        assert stage.states(job.run.key)["ask"] == "scheduled"
        return Outcome(kind=OutcomeKind.SUCCESS)

    stage.runner.script["other", 1] = answers
    key = stage.start(dag(task("ask", pool="db", priority_weight=9), task("other", pool="db")))
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS


def test_a_question_that_is_cleared_is_asked_anew(stage: Stage) -> None:
    stage.runner.script["ask", 1] = stage.runner.script["ask", 2] = asks
    key = stage.start(dag(task("ask"), task("after", "ask")))
    stage.deliver_all()
    clearing.clear(stage.cloud, stage.clock, key, Clear(named=("ask",), downstream=True))
    stage.deliver_all()
    assert stage.states(key)["ask"] == "awaiting_input"
    number = stage.instance(key, "ask").try_number
    answer(stage, key)
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    step = stage.cloud.store.question(key, ASK, number)
    assert step is not None
    assert step.answer is not None


DAG_FILE = """
    from datetime import timedelta
    from sailplane import DAG, ApprovalOperator, DeadlineAlert, DeadlineReference, Param, SyncCallback, task

    def late(context):
        print(context["dag_run"]["dag_id"], "is late, and", context["dag_run"]["state"])

    alert = DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, timedelta(hours=1), SyncCallback(late))
    with DAG("release", deadline=alert):
        approve = ApprovalOperator(
            task_id="ask",
            subject="Deploy {{ run_id }}?",
            params={"size": Param(3, type="integer")},
            on_success_callback=lambda context: print("answered by", context["ti"].task_id),
        )

        @task
        def deploy(answer):
            return answer["params_input"]["size"]

        approve >> deploy(approve.output)
"""


def test_a_real_task_asks_and_goes_on_and_its_run_is_late_meanwhile(stage: Stage, flight: Flight) -> None:
    key = flight.fly(DAG_FILE)
    step = stage.cloud.store.question(key, ASK, 1)
    assert step is not None
    assert (step.request.subject, step.request.params["size"]["value"]) == ("Deploy only?", 3)
    stage.clock.turn(hours=1)
    stage.tick()
    flight.work()
    (said,) = stage.cloud.store.tasks(key, [TaskKey("~deadline-0")])
    assert "release is late, and running" in flight.log(said)
    reply = HumanReply(by=YES.by, chosen_options=("Approve",), params_input={"size": 7})
    answering.answer(stage.cloud, key, ASK, reply, stage.clock)
    flight.work()
    assert stage.run(key).state is RunState.SUCCESS
    assert xcom.loads(stage.instance(key, "deploy").xcoms["return_value"]) == 7
    asked = stage.instance(key, "ask")
    assert xcom.loads(asked.xcoms["return_value"])["responded_by_user"] == {"id": "ada", "name": "Ada"}
    assert "Waiting for response" in flight.log(asked)
    assert "answered by ask" in flight.log(asked)
    assert stage.clock() - stage.run(key).queued_at == timedelta(hours=1)


@pytest.mark.localcloud
@pytest.mark.parametrize("commit", range(5))
def test_a_question_is_asked_and_answered_whichever_commits_answer_is_lost(stage: Stage, commit: int) -> None:
    stage.runner.script["ask", 1] = stage.runner.script["ask", 2] = asks
    key = stage.start(dag(task("ask", retries=1, retry_delay=timedelta(0)), task("after", "ask")))
    stage.local.cloud.faults.inject(Fault(point="firestore.Commit", kind=FaultKind.LOST_ANSWER, skip=commit))
    stage.deliver_all()
    assert stage.states(key) == {"ask": "awaiting_input"}
    answer(stage, key)
    for _ in range(3):
        stage.deliver_all()
        stage.clock.turn(seconds=31)
        stage.tick()
    assert stage.run(key).state is RunState.SUCCESS
    assert stage.instance(key, "ask").try_number == 1
    assert stage.runner.tries == [("ask", 1), ("ask", 1), ("after", 1)]


@pytest.mark.localcloud
def test_an_answer_whose_commits_result_is_lost_is_given_and_not_refused(stage: Stage) -> None:
    stage.runner.script["ask", 1] = asks
    key = stage.start(dag(task("ask")))
    stage.deliver_all()
    stage.local.cloud.faults.inject(Fault(point="firestore.Commit", kind=FaultKind.LOST_ANSWER))
    step = answering.answer(stage.cloud, key, ASK, YES, stage.clock)
    assert step.answer is not None
    stage.clock.turn(seconds=31)
    stage.tick()
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS


def test_of_many_who_answer_at_the_same_moment_one_has_it(stage: Stage) -> None:
    stage.runner.script["ask", 1] = asks
    key = stage.start(dag(task("ask"), task("after", "ask")))
    stage.deliver_all()

    def reply(number: int) -> str:
        by = Person(id=f"p{number}", name=f"p{number}")
        try:
            given = answering.answer(stage.cloud, key, ASK, replace(YES, by=by), stage.clock)
        except AlreadyExists:
            return "refused"
        return given.answer.answered_by.id if given.answer and given.answer.answered_by else ""

    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(reply, range(8)))
    (winner,) = (each for each in said if each != "refused")
    stage.deliver_all()
    step = stage.cloud.store.question(key, ASK, 1)
    assert step is not None
    assert step.answer is not None
    assert step.answer.answered_by == Person(id=winner, name=winner)
    assert stage.runner.tries == [("ask", 1), ("ask", 1), ("after", 1)]


@pytest.mark.localcloud
@pytest.mark.parametrize("answers", [True, False])
def test_what_a_question_used_stands_in_the_account_of_its_task(stage: Stage, answers: bool) -> None:
    def asks_in_time(job: TaskJob) -> Outcome:
        waiting = asks(job)
        if waiting.question is None:
            return waiting
        request = replace(waiting.question, defaults=("No",))
        return replace(waiting, question=request, resume_at=stage.clock() + timedelta(minutes=5))

    stage.runner.script["ask", 1] = asks_in_time
    deadline = SerializedDeadline(reference=ReferenceKind.QUEUED_AT, interval=timedelta(hours=1))
    shape = dag(task("ask"), task("after", "ask"), deadlines=(deadline,))
    stage.push(shape)
    before = stage.count()
    key = stage.start(shape)
    stage.deliver_all()
    if answers:
        answer(stage, key)
    else:
        stage.clock.turn(minutes=5)
        stage.tick()
    stage.deliver_all()
    counted = stage.since(before)
    used = total([stage.run(key).usage, *(each.usage for each in stage.cloud.store.tasks(key))])
    assert stage.run(key).state is RunState.SUCCESS
    assert (used.writes, used.deletes) == (counted["firestore.writes"], counted["firestore.deletes"])
