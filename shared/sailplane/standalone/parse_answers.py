"""Answers what DAG files ask for while a process of their own reads them; see `authoring.pipe_values`."""

import json
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from sailplane.model.errors import SailplaneError
from sailplane.model.execution import ReadingServices

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class FarEnds:
    """The descriptors that the process gets: to write questions to, to read answers from."""

    questions: int
    answers: int

    def close(self) -> None:
        os.close(self.questions)
        os.close(self.answers)


@contextmanager
def answered_by(values: ReadingServices) -> Iterator[FarEnds]:
    """In the block a thread answers. Close the far ends once the process has them: when it ends, so does the thread."""
    questions, far_questions = os.pipe()
    far_answers, answers = os.pipe()
    thread = threading.Thread(target=_answer_all, args=(values, questions, answers), name="sailplane-answers")
    thread.start()
    try:
        yield FarEnds(questions=far_questions, answers=far_answers)
    finally:
        thread.join()


def _answer_all(values: ReadingServices, questions: int, answers: int) -> None:
    with os.fdopen(questions, "rb") as asked, os.fdopen(answers, "wb", buffering=0) as told:
        for line in asked:
            with suppress(BrokenPipeError):
                told.write(json.dumps(_answer(values, json.loads(line))).encode() + b"\n")


def _answer(values: ReadingServices, question: dict[str, str]) -> dict[str, str | None]:
    value: str | None = None
    failure: str | None = None
    try:
        match question["what"]:
            case "variable":
                value = values.variable(question["name"])
            case "connection":
                value = values.connection(question["name"])
            case _:
                value = values.looked_in()
    except SailplaneError as error:
        _log.warning("a DAG file's question was not answered: %s", error)
        failure = str(error)
    return {"number": question["number"], "value": value, "failure": failure}
