"""What a DAG file may ask about who reads it."""

from typing import NamedTuple


class ParsingContext(NamedTuple):
    """Of which DAG and task the file is read for; None for all."""

    dag_id: str | None = None
    task_id: str | None = None


def get_parsing_context() -> ParsingContext:
    """Always for all: one reading serves every task of the file."""
    return ParsingContext()
