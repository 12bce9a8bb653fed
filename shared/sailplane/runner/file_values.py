"""Variables and Connections for DAG files that a template imports: asked by the template, answered by its nursery."""

import logging

from sailplane.model.execution import ReadingServices
from sailplane.runner import protocol
from sailplane.runner.masking import Masker

_logger = logging.getLogger(__name__)

FileQuestion = protocol.AskVariable | protocol.AskConnection | protocol.AskLookedIn


class FileValues:
    """The nursery's side: answers, and knows what of it must not be shown by the tasks of these files."""

    def __init__(self, values: ReadingServices) -> None:
        self._values = values
        self._told: list[tuple[FileQuestion, str]] = []

    def answer(self, question: FileQuestion) -> protocol.Answer:
        try:
            value = self._ask(question)
        except Exception as error:
            # The edge of the process: the file hears of it, and may catch it.
            _logger.warning("a DAG file's question was not answered: %s", error, exc_info=True)
            return protocol.Answer(number=question.number, failure=f"{type(error).__name__}: {error}")
        if value is not None:
            self._told.append((question, value))
        return protocol.Answer(number=question.number, value=value)

    def _ask(self, question: FileQuestion) -> str | None:
        match question:
            case protocol.AskVariable():
                return self._values.variable(question.key)
            case protocol.AskConnection():
                return self._values.connection(question.conn_id)
            case protocol.AskLookedIn():
                return self._values.looked_in()

    def teach(self, masker: Masker) -> None:
        """Have `masker` hide what is secret of all that was told so far."""
        for question, value in tuple(self._told):
            if isinstance(question, protocol.AskVariable):
                masker.learn_variable(question.key, value)
            elif isinstance(question, protocol.AskConnection):
                masker.learn_connection(question.conn_id, value)
