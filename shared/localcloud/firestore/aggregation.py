"""count, sum and average over the results of a query."""

import math
from collections.abc import Iterable

from .documents import Stored
from .engine import Engine
from .errors import invalid
from .paths import FieldPath, field_path
from .protos import Message, Value, ValueMessage
from .query import Query
from .transactions import Transaction
from .values import lookup

MAX_AGGREGATIONS = 5
_INT64_LIMIT = 2**63
_Number = int | float


def aggregate(
    engine: Engine, query: Query, aggregations: Iterable[Message], transaction: Transaction | None
) -> dict[str, ValueMessage]:
    """The value of each aggregation by its alias."""
    named = _named(aggregations)
    if len(named) == 1 and all(item.WhichOneof("operator") == "count" for item in named.values()):
        ((alias, item),) = named.items()
        return {alias: Value(integer_value=engine.count(query, _up_to(item.count), transaction))}
    paths = [_path(item) for item in named.values() if item.WhichOneof("operator") != "count"]
    documents = engine.results_to_aggregate(query, paths, transaction)
    fields = [found for found in map(_fields, documents) if all(lookup(found, path) is not None for path in paths)]
    return {alias: _value(item, fields) for alias, item in named.items()}


def _named(aggregations: Iterable[Message]) -> dict[str, Message]:
    named: dict[str, Message] = {}
    for number, item in enumerate(aggregations, 1):
        alias = item.alias or f"field_{number}"
        if alias in named:
            raise invalid(f'The aggregation alias "{alias}" is given twice.')
        if item.WhichOneof("operator") is None:
            raise invalid("An aggregation must be one of count, sum and avg.")
        named[alias] = item
    if not 1 <= len(named) <= MAX_AGGREGATIONS:
        raise invalid(f"An aggregation query takes 1 to {MAX_AGGREGATIONS} aggregations.")
    return named


def _fields(document: Stored) -> Message:
    return document.parse().fields


def _path(item: Message) -> FieldPath:
    return field_path((item.sum if item.WhichOneof("operator") == "sum" else item.avg).field.field_path)


def _up_to(count: Message) -> int | None:
    if not count.HasField("up_to"):
        return None
    if count.up_to.value <= 0:
        raise invalid("up_to of a count must be greater than zero.")
    return int(count.up_to.value)


def _value(item: Message, documents: list[Message]) -> ValueMessage:
    operator = item.WhichOneof("operator")
    if operator == "count":
        up_to = _up_to(item.count)
        return Value(integer_value=len(documents) if up_to is None else min(up_to, len(documents)))
    numbers = [number for fields in documents if (number := _number(lookup(fields, _path(item)))) is not None]
    if operator == "sum":
        return _sum(numbers)
    return Value(double_value=_total(numbers) / len(numbers)) if numbers else Value(null_value=0)


def _number(value: ValueMessage | None) -> _Number | None:
    kind = None if value is None else value.WhichOneof("value_type")
    if kind not in ("integer_value", "double_value"):
        return None
    number: _Number = getattr(value, kind)
    return number


def _total(numbers: list[_Number]) -> _Number:
    if all(isinstance(number, int) for number in numbers):
        return sum(numbers)
    if all(math.isfinite(number) for number in numbers):
        return math.fsum(numbers)
    return sum(float(number) for number in numbers)


def _sum(numbers: list[_Number]) -> ValueMessage:
    """An integer where all are integers and it fits, else a double."""
    total = _total(numbers)
    if isinstance(total, int) and -_INT64_LIMIT <= total < _INT64_LIMIT:
        return Value(integer_value=total)
    return Value(double_value=float(total))
