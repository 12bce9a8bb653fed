"""What is kept of rendered templates: as Airflow shows them, of bounded size, without secrets."""

import json
from decimal import Decimal
from typing import Any

import pytest
from authored_bundle import Bundle
from hypothesis import given
from hypothesis import strategies as st

from sailplane.authoring.rendered import LONGEST_FIELD, Preview
from sailplane.model.execution import OutcomeKind

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner, inner),
)


def shown(value: Any, most: int = 100) -> Any:
    return Preview(most).of(value)


def test_rendered_fields_come_with_the_end_of_a_try(bundle: Bundle) -> None:
    dag = bundle.one("""
        from sailplane import BashOperator, DAG

        with DAG("flow"):
            BashOperator(
                task_id="say",
                bash_command="echo {{ ds }}; exit {{ params.code }}",
                env={"api_key": "{{ ds }}"},
                params={"code": 1},
            )
        """)
    outcome = bundle.run(dag, "say")
    assert outcome.kind is OutcomeKind.FAILED
    fields = json.loads(outcome.rendered)
    assert fields["bash_command"] == "echo 2024-05-01; exit 1"
    assert fields["env"] == {"api_key": "***"}


def test_arguments_of_python_tasks_are_shown_as_they_came(bundle: Bundle) -> None:
    dag = bundle.one("""
        from sailplane import DAG, task

        @task
        def first(): return [1, 2]

        @task
        def second(a, password): ...

        with DAG("flow"):
            second(first(), password="{{ ds }}")
        """)
    fields = json.loads(bundle.run(dag, "second", xcoms={"first": [1, 2]}).rendered)
    assert fields["op_args"] == [[1, 2]]
    assert fields["op_kwargs"] == {"password": "***"}


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ({"a": (1, 2.5, None, True)}, {"a": [1, 2.5, None, True]}),
        ({"token": ["x", {"user": 1}]}, {"token": ["***", {"user": 1}]}),
        (Decimal("1.5"), "1.5"),
        (float("inf"), "inf"),
        (2**60, str(2**60)),
        (b"12345", "<5 bytes>"),
        (len, "<callable len>"),
        ("\ud800", "\\ud800"),
    ],
)
def test_values_are_shown_in_jsons_types(value: Any, form: Any) -> None:
    assert shown(value) == form


def test_what_is_too_long_says_how_much_is_left_out() -> None:
    assert shown("x" * 150) == "x" * 100 + "... (50 characters more)"
    assert shown(["x" * 150, 1, 2]) == ["x" * 99 + "... (51 characters more)", "... (2 more)"]
    assert shown({"a": "x" * 150, "b": 1}) == {"a": "x" * 99 + "... (51 characters more)", "...": "(1 more)"}


def test_a_value_that_cannot_be_shown_fails_no_task() -> None:
    class Shy:
        def __str__(self) -> str:
            raise RuntimeError("no")

    assert shown(Shy()) == "<Shy>"


def test_a_value_in_itself_ends() -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert len(json.dumps(shown(loop, LONGEST_FIELD))) < 1000


@given(VALUES)
def test_whatever_the_value_its_form_is_json_of_bounded_size(value: Any) -> None:
    text = json.dumps(shown(value), allow_nan=False)
    assert len(json.dumps(json.loads(text), ensure_ascii=False)) < 100 * 12
    text.encode()
