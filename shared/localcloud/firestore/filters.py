"""The filters of a query: parsed, checked, and brought into disjunctive normal form."""

from collections.abc import Iterator
from enum import Enum
from itertools import product
from typing import NamedTuple

from .errors import FirestoreError, invalid
from .paths import FieldPath, cursor_path, document_name, field_path
from .protos import FieldMap, Message, StructuredQuery, ValueMessage
from .values import NAN, NULL, encode, lookup

MAX_DISJUNCTIONS = 30
MAX_NOT_IN = 10
MAX_INEQUALITY_FIELDS = 10
MAX_FILTERS = 100
NAME: FieldPath = ("__name__",)


class Operator(Enum):
    LESS = 1
    LESS_OR_EQUAL = 2
    GREATER = 3
    GREATER_OR_EQUAL = 4
    EQUAL = 5
    NOT_EQUAL = 6
    CONTAINS = 7
    NOT_IN = 10


RANGES = frozenset({Operator.LESS, Operator.LESS_OR_EQUAL, Operator.GREATER, Operator.GREATER_OR_EQUAL})
INEQUALITIES = RANGES | {Operator.NOT_EQUAL, Operator.NOT_IN}
_IN, _CONTAINS_ANY = 8, 9
_NOT_EQUAL, _NOT_IN = Operator.NOT_EQUAL.value, Operator.NOT_IN.value
_IS_NOT_NAN, _IS_NOT_NULL = 4, 5


class Term(NamedTuple):
    """One comparison of a field with constants."""

    path: FieldPath
    operator: Operator
    operands: tuple[bytes, ...]
    """Encoded values; for `__name__`, positions in name order. One, except for NOT_IN."""

    @property
    def operand(self) -> bytes:
        return self.operands[0]

    def matches(self, fields: FieldMap, name: bytes) -> bool:
        """Whether the document with these fields, at this position in name order, satisfies the term."""
        if self.path == NAME:
            return _compare(name, self)
        value = lookup(fields, self.path)
        if value is None:
            return False
        if self.operator is Operator.CONTAINS:
            return any(encode(item) == self.operand for item in value.array_value.values)
        found = encode(value)
        if self.operator in RANGES and found[0] != self.operand[0]:
            return False
        return _compare(found, self)


Conjunction = tuple[Term, ...]
"""Terms that must all hold."""


def _compare(found: bytes, term: Term) -> bool:
    match term.operator:
        case Operator.EQUAL:
            return found == term.operand
        case Operator.LESS:
            return found < term.operand
        case Operator.LESS_OR_EQUAL:
            return found <= term.operand
        case Operator.GREATER:
            return found > term.operand
        case Operator.GREATER_OR_EQUAL:
            return found >= term.operand
        case Operator.NOT_EQUAL:
            return found not in (NULL, term.operand)
        case _:
            return found != NULL and NULL not in term.operands and found not in term.operands


def disjunctions(where: Message) -> tuple[Conjunction, ...]:
    """The filter as an OR of ANDs: `in` and `array-contains-any` are ORs of equalities."""
    conjunctions = _normal(where, 0)
    if sum(_negations(where)) > 1:
        raise invalid("A query takes a single filter of the kinds '!=', 'not-in', IS_NOT_NULL and IS_NOT_NAN.")
    if len(conjunctions) > MAX_DISJUNCTIONS:
        raise _too_many(len(conjunctions))
    unique = tuple(dict.fromkeys(tuple(dict.fromkeys(conjunction)) for conjunction in conjunctions))
    _check(unique)
    return unique


def _negations(where: Message) -> Iterator[bool]:
    """For each filter within: whether it is one of those of which a query takes but one."""
    kind = where.WhichOneof("filter_type")
    if kind == "composite_filter":
        for part in where.composite_filter.filters:
            yield from _negations(part)
    elif kind == "field_filter":
        yield where.field_filter.op in (_NOT_EQUAL, _NOT_IN)
    else:
        yield where.unary_filter.op in (_IS_NOT_NAN, _IS_NOT_NULL)


def _too_many(count: int) -> FirestoreError:
    return invalid(f"The query has {count} disjunctions after normalization; at most {MAX_DISJUNCTIONS} are allowed.")


def _normal(where: Message, depth: int) -> list[Conjunction]:
    kind = where.WhichOneof("filter_type")
    if kind == "composite_filter":
        return _composite(where.composite_filter, depth)
    if kind == "field_filter":
        return _field(where.field_filter)
    if kind == "unary_filter":
        return [(_unary(where.unary_filter),)]
    raise invalid("A filter must be one of composite, field and unary.")


def _composite(composite: Message, depth: int) -> list[Conjunction]:
    if not composite.filters:
        raise invalid("A composite filter needs at least one filter.")
    if len(composite.filters) > MAX_FILTERS or depth > 20:
        raise invalid("The query's filters are too many or too deeply nested.")
    parts = [_normal(item, depth + 1) for item in composite.filters]
    if composite.op == StructuredQuery.CompositeFilter.Operator.OR:
        return [conjunction for part in parts for conjunction in part]
    if composite.op != StructuredQuery.CompositeFilter.Operator.AND:
        raise invalid("A composite filter's operator must be AND or OR.")
    total = 1
    for part in parts:
        total *= len(part)
    if total > MAX_DISJUNCTIONS:
        raise _too_many(total)
    return [tuple(term for conjunction in choice for term in conjunction) for choice in product(*parts)]


def _field(message: Message) -> list[Conjunction]:
    path = field_path(message.field.field_path)
    if message.op in (_IN, _CONTAINS_ANY):
        operator = Operator.EQUAL if message.op == _IN else Operator.CONTAINS
        values = _operand_list(message.value, MAX_DISJUNCTIONS)
        return [(Term(path, operator, (_operand(path, value),)),) for value in values]
    if message.op == Operator.NOT_IN.value:
        values = _operand_list(message.value, MAX_NOT_IN)
        return [(Term(path, Operator.NOT_IN, tuple(_operand(path, value) for value in values)),)]
    try:
        operator = Operator(message.op)
    except ValueError:
        raise invalid("A field filter has no known operator.") from None
    if path == NAME and operator is Operator.CONTAINS:
        raise invalid("__name__ is no array.")
    return [(Term(path, operator, (_operand(path, message.value),)),)]


def _operand_list(value: ValueMessage, most: int) -> list[ValueMessage]:
    if value.WhichOneof("value_type") != "array_value" or not value.array_value.values:
        raise invalid("'in', 'not-in' and 'array-contains-any' need a non-empty array.")
    if len(value.array_value.values) > most:
        raise invalid(f"'in' and 'array-contains-any' take at most {MAX_DISJUNCTIONS} values, 'not-in' {MAX_NOT_IN}.")
    return list(value.array_value.values)


def _operand(path: FieldPath, value: ValueMessage) -> bytes:
    return name_operand(value) if path == NAME else encode(value)


def name_operand(value: ValueMessage) -> bytes:
    """The position in name order that a reference stands for."""
    if value.WhichOneof("value_type") != "reference_value":
        raise invalid("__name__ can only be compared with document references.")
    document_name(value.reference_value)
    return cursor_path(value.reference_value)


def _unary(message: Message) -> Term:
    operators = StructuredQuery.UnaryFilter.Operator
    path = field_path(message.field.field_path)
    if path == NAME:
        raise invalid("__name__ is never null or NaN.")
    if message.op == operators.IS_NULL:
        return Term(path, Operator.EQUAL, (NULL,))
    if message.op == operators.IS_NAN:
        return Term(path, Operator.EQUAL, (NAN,))
    if message.op == operators.IS_NOT_NULL:
        return Term(path, Operator.NOT_EQUAL, (NULL,))
    if message.op == operators.IS_NOT_NAN:
        return Term(path, Operator.NOT_EQUAL, (NAN,))
    raise invalid("A unary filter has no known operator.")


def _check(conjunctions: tuple[Conjunction, ...]) -> None:
    terms = {term for conjunction in conjunctions for term in conjunction}
    if len(conjunctions) > 1 and any(term.operator is Operator.NOT_IN for term in terms):
        raise invalid("'not-in' cannot be combined with 'in', 'array-contains-any' or OR.")
    for conjunction in conjunctions:
        if sum(term.operator is Operator.CONTAINS for term in conjunction) > 1:
            raise invalid("A disjunction takes one 'array-contains' at most.")
    if len({term.path for term in terms if term.operator in INEQUALITIES}) > MAX_INEQUALITY_FIELDS:
        raise invalid(f"A query takes inequalities on at most {MAX_INEQUALITY_FIELDS} fields.")
