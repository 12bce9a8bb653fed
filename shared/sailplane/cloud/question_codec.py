"""What tasks ask people: to stored fields and back."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from sailplane.cloud import paths
from sailplane.cloud.documents import Fields, optional_text, put_instant, required_instant, text, token_of
from sailplane.model.human_steps import HumanAnswer, HumanRequest, HumanStep
from sailplane.model.ids import RunKey, TaskKey

OPEN, ANSWERED = "open", "answered"
LISTED = "listed"
"""The field by which they are found: whether there is an answer, then when it was asked."""


def question_path(run: RunKey, task: TaskKey, try_number: int) -> str:
    return f"{paths.task(run, task)}/questions/{try_number}"


def owner(run: RunKey | None, dag_id: str | None) -> tuple[str, str]:
    """By which field, and what value of it, the questions of a run or a DAG are found."""
    return ("run", _run_name(run)) if run is not None else ("dag_id", dag_id or "")


def _run_name(run: RunKey) -> str:
    return f"{run.dag_id}|{run.run_id}"


def bounds(answered: bool) -> tuple[str, str]:
    """What `listed` lies between."""
    start = ANSWERED if answered else OPEN
    return f"{start}|", f"{start}}}"


def write_question(record: HumanStep, fields: Fields, shards: int) -> None:
    fields[LISTED].string_value = f"{OPEN if record.answer is None else ANSWERED}|{_stamp(record.asked_at)}"
    fields["dag_id"].string_value = record.run.dag_id
    fields["run"].string_value = _run_name(record.run)
    fields["request"].string_value = msgspec.json.encode(record.request).decode()
    put_instant(fields, "asked_at", record.asked_at)
    if record.answer is not None:
        fields["answer"].string_value = msgspec.json.encode(record.answer).decode()


def read_question(document: Any) -> HumanStep:
    _dags, dag_id, _runs, run_id, _tasks, task, _questions, number = document.name.split("/documents/", 1)[1].split("/")
    fields = document.fields
    answer = optional_text(fields, "answer")
    return HumanStep(
        run=RunKey(dag_id, run_id),
        task=TaskKey.parse(task),
        try_number=int(number),
        request=msgspec.json.decode(text(fields, "request"), type=HumanRequest),
        asked_at=required_instant(fields, "asked_at"),
        answer=msgspec.json.decode(answer, type=HumanAnswer) if answer else None,
        token=token_of(document.update_time),
    )


def _stamp(moment: datetime) -> str:
    """As text that sorts by time."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
