"""Tasks with a `cache_key`: their result is used again, and they are not run."""

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from authored_bundle import Bundle

from sailplane.authoring.dag import DAG
from sailplane.model import xcom
from sailplane.model.errors import RequestError, Unavailable
from sailplane.model.execution import Outcome, OutcomeKind
from sailplane.model.shelf import ShelfKind, ShelfRequest, ShelfVerb


def counting(bundle: Bundle, arguments: str, body: str = "return len(calls)") -> DAG:
    """A DAG whose task `count` notes its calls, in the Variable `calls`."""
    return bundle.one(f"""
        from datetime import timedelta
        from sailplane import DAG, Variable, task, task_inputs

        @task({arguments})
        def count(*given, ti=None):
            calls = Variable.get("calls", "") + "x"
            Variable.set("calls", calls)
            {body}

        with DAG("flow", params={{"region": "eu"}}):
            count("a", 1)
        """)


def calls(bundle: Bundle) -> int:
    return len(bundle.services.variables.get("calls", ""))


def test_a_result_is_used_again_under_the_same_key(bundle: Bundle, caplog: pytest.LogCaptureFixture) -> None:
    dag = counting(bundle, "cache_key='{{ ds }}'")
    with caplog.at_level(logging.INFO):
        assert [bundle.value(dag, "count", run_id=f"run{n}") for n in range(3)] == [1, 1, 1]
    assert calls(bundle) == 1
    assert "the result of run run0" in caplog.text
    assert bundle.value(dag, "count", logical_date=datetime(2024, 6, 1, tzinfo=UTC)) == 2


def test_a_key_may_be_made_by_a_function_of_the_context(bundle: Bundle) -> None:
    dag = counting(bundle, "cache_key=lambda context: context['params']['region']")
    assert [bundle.value(dag, "count", conf=conf) for conf in ({}, {"region": "us"}, {})] == [1, 2, 1]


@pytest.mark.parametrize("key", ["lambda context: None", "''", "'{{ \"\" }}'", "None"])
def test_without_a_key_nothing_is_kept(bundle: Bundle, key: str) -> None:
    dag = counting(bundle, f"cache_key={key}")
    assert [bundle.value(dag, "count"), bundle.value(dag, "count")] == [1, 2]
    assert bundle.services.left.results == {}


def test_a_later_try_runs_and_replaces_the_result(bundle: Bundle) -> None:
    dag = counting(bundle, "cache_key='k'")
    assert [bundle.value(dag, "count", try_number=n) for n in (1, 2, 1)] == [1, 2, 2]


def test_a_result_is_used_until_it_is_too_old(bundle: Bundle) -> None:
    dag = counting(bundle, "cache_key='k', cache_expiration=timedelta(hours=1)")
    bundle.value(dag, "count")
    ((name, text),) = bundle.services.left.results.items()
    for age, expected in ((timedelta(minutes=50), 1), (timedelta(minutes=70), 2)):
        made_at = (datetime.now(UTC) - age).isoformat()
        bundle.services.left.results[name] = json.dumps({**json.loads(text), "made_at": made_at})
        assert bundle.value(dag, "count") == expected


def test_only_a_success_is_kept(bundle: Bundle) -> None:
    dag = counting(bundle, "cache_key='k'", "raise ValueError('no')")
    assert bundle.run(dag, "count").kind is OutcomeKind.FAILED
    assert bundle.services.left.results == {}


def test_all_that_was_pushed_comes_back(bundle: Bundle) -> None:
    body = "ti.xcom_push('when', {1, 2})\n            return {'a': 1, 'b': 2}"
    dag = counting(bundle, "cache_key='k', multiple_outputs=True", body)
    first, again = bundle.run(dag, "count"), bundle.run(dag, "count")
    assert calls(bundle) == 1
    assert dict(again.xcoms) == dict(first.xcoms)
    assert xcom.loads(again.xcoms["when"]) == {1, 2}
    assert xcom.loads(again.xcoms["a"]) == 1


BRANCH = """
    from sailplane import DAG, EmptyOperator, Variable, task

    @task.branch(cache_key="k")
    def choose():
        Variable.set("calls", Variable.get("calls", "") + "x")
        return "left"

    with DAG("flow"):
        choose() >> [EmptyOperator(task_id="left"), EmptyOperator(task_id="right")]
    """


def test_a_branch_chooses_the_same_again(bundle: Bundle) -> None:
    dag = bundle.one(BRANCH)
    outcomes = [bundle.run(dag, "choose"), bundle.run(dag, "choose")]
    assert calls(bundle) == 1
    assert [outcome.skip_tasks for outcome in outcomes] == [("right",), ("right",)]


def test_others_can_be_mapped_over_a_result_that_is_used_again(bundle: Bundle) -> None:
    dag = bundle.one("""
        from sailplane import DAG, task

        @task(cache_key="k")
        def numbers():
            return [1, 2, 3]

        @task
        def show(number): ...

        with DAG("flow"):
            show.expand(number=numbers())
        """)
    assert [bundle.run(dag, "numbers").map_length for _ in range(2)] == [3, 3]


def test_callbacks_see_the_success(bundle: Bundle) -> None:
    dag = bundle.one("""
        from sailplane import DAG, Variable, task

        def tell(context):
            Variable.set("told", Variable.get("told", "") + context["ti"].state)

        with DAG("flow"):
            @task(cache_key="k", on_success_callback=tell)
            def work():
                return 1

            work()
        """)
    bundle.run(dag, "work")
    bundle.run(dag, "work")
    assert bundle.services.variables["told"] == "successsuccess"


def test_each_instance_of_a_mapped_task_has_a_key_of_its_own(bundle: Bundle) -> None:
    dag = bundle.one("""
        from sailplane import DAG, task, task_inputs

        @task(cache_key=task_inputs)
        def double(number):
            return 2 * number

        with DAG("flow"):
            double.expand(number=[3, 4])
        """)
    assert [bundle.value(dag, "double", map_index=index) for index in (0, 1, 0)] == [6, 8, 6]
    assert len(bundle.services.left.results) == 2


def test_the_inputs_of_a_task_are_its_arguments_and_its_source(bundle: Bundle) -> None:
    text = """
        from sailplane import BashOperator, DAG, task, task_inputs

        @task(cache_key=task_inputs)
        def load(region, since="{{ ds }}"):
            return REGION

        with DAG("flow", default_args={"cache_key": task_inputs}):
            load(REGION)
            BashOperator(task_id="say", bash_command="echo REGION {{ ds }}")
        """

    def keys(region: str, **job: Any) -> set[str]:
        dag = bundle.one(text.replace("REGION", repr(region)))
        bundle.services.left.results.clear()
        bundle.value(dag, "load", **job)
        bundle.value(dag, "say", **job)
        return set(bundle.services.left.results)

    first = keys("eu")
    assert len(first) == 2
    assert keys("eu", run_id="another") == first
    assert not keys("us") & first
    other_day = keys("eu", logical_date=datetime(2024, 6, 1, tzinfo=UTC))
    assert len(other_day & first) == 1, "templates stand in defaults of functions as they are"


@pytest.mark.parametrize("verb", list(ShelfVerb))
def test_a_bucket_that_is_away_only_costs_the_saving(
    bundle: Bundle, verb: ShelfVerb, caplog: pytest.LogCaptureFixture
) -> None:
    dag = counting(bundle, "cache_key='k'")
    answer = bundle.services.left.answer

    def shelf(request: ShelfRequest) -> str | None:
        if request.verb is verb:
            raise Unavailable("the bucket is away")
        return answer(request)

    bundle.services.shelf = shelf  # type: ignore[method-assign]
    assert bundle.value(dag, "count") == 1
    assert "the bucket is away" in caplog.text


def failure(bundle: Bundle, arguments: str) -> str:
    outcome: Outcome = bundle.run(counting(bundle, arguments), "count")
    assert outcome.error is not None
    return outcome.error.message


def test_a_key_that_is_no_text_is_told(bundle: Bundle) -> None:
    assert "task 'count': cache_key must give a text or None, not int: 5" in failure(
        bundle, "cache_key=lambda context: 5"
    )


def test_a_wrong_expiration_is_told(bundle: Bundle) -> None:
    with pytest.raises(Exception, match="cache_expiration must be a timedelta, not int"):
        counting(bundle, "cache_expiration=5")


def test_names_of_shared_objects_cannot_leave_their_place() -> None:
    request = ShelfRequest(verb=ShelfVerb.GET, kind=ShelfKind.RESULT, task_id="group.task", name="0a")
    assert request.object_name("dag") == "xcoms/~results/dag/group.task/0a"
    assert ShelfRequest(verb=ShelfVerb.GET, kind=ShelfKind.ENVIRONMENT, name="a.tar").object_name("dag") == (
        "xcoms/~environments/a.tar"
    )
    with pytest.raises(RequestError, match="is no name"):
        ShelfRequest(verb=ShelfVerb.PUT, kind=ShelfKind.ENVIRONMENT, name="../logs").object_name("dag")


def test_what_a_deferred_task_returns_in_the_end_is_kept(bundle: Bundle) -> None:
    dag = bundle.one("""
        from datetime import timedelta
        from sailplane import BaseOperator, DAG, TimeDeltaTrigger

        class Later(BaseOperator):
            def execute(self, context):
                self.defer(trigger=TimeDeltaTrigger(timedelta(0)), method_name="go_on")

            def go_on(self, context, event):
                return context["run_id"]

        with DAG("flow"):
            Later(task_id="later", cache_key="k")
        """)
    first = bundle.run(dag, "later", run_id="first")
    if first.kind is not OutcomeKind.SUCCESS:
        assert first.kind is OutcomeKind.DEFERRED, first
        assert bundle.services.left.results == {}
        first = bundle.run(dag, "later", run_id="first", resumption=first.resumption)
    assert xcom.loads(first.xcoms["return_value"]) == "first"
    assert bundle.value(dag, "later", run_id="second") == "first"
