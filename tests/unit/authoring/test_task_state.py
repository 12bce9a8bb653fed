"""`task_state_store` of a task, and jobs elsewhere that a later try finds again."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from authored_bundle import Bundle

from sailplane.model.errors import AuthorError
from sailplane.model.execution import OutcomeKind
from sailplane.model.state_store import RETENTION, InvalidEntry, StateRequest, StateVerb, check_key, encode_value

OWN = ("task", "ask:-1")


def value_of(bundle: Bundle, body: str) -> object:
    """What a task with this body returns."""
    indented = body.replace("\n", "\n            ")
    dag = bundle.one(f"""
        from datetime import timedelta
        from sailplane import DAG, NEVER_EXPIRE, get_current_context, task

        @task
        def ask(task_state_store):
            {indented}

        with DAG("flow"):
            ask()
        """)
    return bundle.value(dag, "ask")


def test_what_a_task_sets_it_gets_back(bundle: Bundle) -> None:
    body = "task_state_store.set('job', {'id': 7, 'pages': [1, 2]})\nreturn task_state_store.get('job')"
    assert value_of(bundle, body) == {"id": 7, "pages": [1, 2]}
    assert bundle.services.states.entries[OWN] == {"job": '{"id": 7, "pages": [1, 2]}'}


def test_a_key_that_is_not_there_gives_the_default(bundle: Bundle) -> None:
    assert value_of(bundle, "return [task_state_store.get('a'), task_state_store.get('a', 5)]") == [None, 5]


def test_entries_can_be_deleted_one_by_one_or_all(bundle: Bundle) -> None:
    value_of(bundle, "for key in 'abc': task_state_store.set(key, 1)\ntask_state_store.delete('b')")
    assert bundle.services.states.entries[OWN] == {"a": "1", "c": "1"}
    value_of(bundle, "task_state_store.clear()\ntask_state_store.delete('nothing')")
    assert bundle.services.states.entries[OWN] == {}


def test_it_is_in_the_context_and_can_be_awaited(bundle: Bundle) -> None:
    dag = bundle.one("""
        from sailplane import DAG, get_current_context, task

        @task
        async def ask():
            store = get_current_context()["task_state_store"]
            await store.aset("a", [1])
            await store.aset("b", 2)
            await store.adelete("b")
            found = [await store.aget("a"), await store.aget("b", default="none"), repr(store)]
            await store.aclear()
            return [*found, await store.aget("a")]

        with DAG("flow"):
            ask()
        """)
    assert bundle.value(dag, "ask") == [[1], "none", "<TaskStateStoreAccessor ask>", None]


def test_each_mapped_instance_has_its_own(bundle: Bundle) -> None:
    dag = bundle.one("""
        from sailplane import DAG, task

        @task
        def keep(number, task_state_store):
            task_state_store.set("number", number)

        with DAG("flow"):
            keep.expand(number=[3, 4])
        """)
    run = dag.test()
    run.assert_success()
    bundle.run(dag, "keep", map_index=0)
    bundle.run(dag, "keep", map_index=1)
    assert bundle.services.states.entries == {("task", "keep:0"): {"number": "3"}, ("task", "keep:1"): {"number": "4"}}


@pytest.mark.parametrize(
    ("retention", "kept_for"),
    [("", RETENTION), (", retention=timedelta(hours=6)", timedelta(hours=6)), (", retention=NEVER_EXPIRE", None)],
)
def test_an_entry_expires_after_its_retention(bundle: Bundle, retention: str, kept_for: timedelta | None) -> None:
    asked: list[StateRequest] = []

    def state(request: StateRequest) -> None:
        asked.append(request)

    bundle.services.state = state  # type: ignore[method-assign]
    before = datetime.now(UTC)
    value_of(bundle, f"task_state_store.set('a', 1{retention})")
    (request,) = asked
    assert request.verb is StateVerb.SET
    if kept_for is None:
        assert request.expires_at is None
    else:
        assert request.expires_at is not None
        assert before + kept_for <= request.expires_at <= datetime.now(UTC) + kept_for


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("a", None, "Cannot set value as None"),
        ("a", datetime(2026, 1, 1, tzinfo=UTC), "a datetime as value.isoformat"),
        ("a", float("nan"), "is no JSON"),
        ("a", "x" * 900_000, "put it into the bucket"),
        ("", 1, "not empty"),
        (5, 1, "must be a text"),
        ("k" * 513, 1, "513 characters; 512 are allowed"),
        ("ü" * 300, 1, "are allowed"),
    ],
)
def test_what_cannot_be_stored_is_told(key: str, value: object, message: str) -> None:
    with pytest.raises(InvalidEntry, match=message):
        encode_value(key, value)


def test_the_longest_key_is_stored() -> None:
    check_key("k" * 512)


def test_a_large_value_is_stored_with_a_warning(bundle: Bundle, caplog: pytest.LogCaptureFixture) -> None:
    value_of(bundle, "task_state_store.set('big', 'x' * 70_000)")
    assert len(json.loads(bundle.services.states.entries[OWN]["big"])) == 70_000
    assert "'big' is 70002 bytes" in caplog.text


JOBS = """
    from sailplane import BaseOperator, DAG, ResumableJobMixin

    class RunElsewhere(ResumableJobMixin, BaseOperator):
        external_id_key = "job"
        status, calls = "RUNNING", []

        def execute(self, context):
            return self.execute_resumable(context)

        def submit_job(self, context):
            self.calls.append("submit")
            return {"number": len(self.calls)}

        def get_job_status(self, external_id, context):
            return self.status

        def is_job_active(self, status):
            return status == "RUNNING"

        def is_job_succeeded(self, status):
            return status == "DONE"

        def poll_until_complete(self, external_id, context):
            self.calls.append(f"poll {external_id['number']}")
            if context["ti"].try_number == 1:
                raise ConnectionError("gone")

        def get_job_result(self, external_id, context):
            self.calls.append(f"result {external_id['number']}")
            return f"rows of {external_id['number']}"

    with DAG("flow", default_args={"durable": True}):
        RunElsewhere(task_id="job", retries=1)
        RunElsewhere(task_id="forgetful", retries=1, durable=False)
    """


@pytest.mark.parametrize(
    ("status", "second_try"),
    [
        ("RUNNING", ["poll 1", "result 1"]),
        ("DONE", ["result 1"]),
        ("FAILED", ["submit", "poll 3", "result 3"]),
    ],
)
def test_a_later_try_finds_the_job_of_the_one_before(bundle: Bundle, status: str, second_try: list[str]) -> None:
    dag = bundle.one(JOBS)
    operator = type(dag.get_task("job"))
    assert bundle.run(dag, "job").kind is OutcomeKind.FAILED
    assert operator.calls == ["submit", "poll 1"]
    operator.status = status
    assert bundle.value(dag, "job", try_number=2) == f"rows of {second_try[-1][-1]}"
    assert operator.calls == ["submit", "poll 1", *second_try]


def test_a_task_that_has_succeeded_and_was_cleared_submits_a_new_job(bundle: Bundle) -> None:
    dag = bundle.one(JOBS.replace('context["ti"].try_number == 1', 'context["ti"].try_number == 3'))
    operator = type(dag.get_task("job"))
    operator.status = "DONE"
    assert bundle.value(dag, "job") == "rows of 1"
    assert bundle.value(dag, "job", try_number=2) == "rows of 4"
    assert bundle.run(dag, "job", try_number=3).kind is OutcomeKind.FAILED
    assert operator.calls[6:] == ["submit", "poll 7"], "cleared again, and lost while it waited"
    assert bundle.value(dag, "job", try_number=4) == "rows of 7"
    assert operator.calls[8:] == ["result 7"]


def test_a_job_that_is_not_durable_is_submitted_by_each_try(bundle: Bundle) -> None:
    dag = bundle.one(JOBS)
    operator = type(dag.get_task("forgetful"))
    bundle.run(dag, "forgetful")
    bundle.value(dag, "forgetful", try_number=2)
    assert operator.calls == ["submit", "poll 1", "submit", "poll 3", "result 3"]
    assert bundle.services.states.entries == {}


def test_a_job_operator_that_lacks_a_method_cannot_be_made(bundle: Bundle) -> None:
    with pytest.raises(AuthorError, match="get_job_status"):
        bundle.load("""
            from sailplane import BaseOperator, DAG, ResumableJobMixin

            class Half(ResumableJobMixin, BaseOperator):
                def submit_job(self, context):
                    return 1

            with DAG("flow"):
                Half(task_id="half")
            """)
