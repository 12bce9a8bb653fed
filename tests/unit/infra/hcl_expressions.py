"""Values of HCL expressions, for the part of the language that the module uses.

It stands on python-hcl2's syntax tree. What it does not know raises `NotEvaluated` with file and line, so that no
expression is passed over in silence.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hcl2.rules.base import AttributeRule, BlockRule
from hcl2.rules.containers import ObjectElemKeyRule, ObjectRule, TupleRule
from hcl2.rules.expressions import BinaryOpRule, ConditionalRule, ExprTermRule, UnaryOpRule
from hcl2.rules.for_expressions import ForIntroRule, ForObjectExprRule, ForTupleExprRule
from hcl2.rules.functions import FunctionCallRule
from hcl2.rules.indexing import GetAttrExprTermRule, IndexExprTermRule
from hcl2.rules.literal_rules import FloatLitRule, IdentifierRule, IntLitRule, LiteralValueRule
from hcl2.rules.strings import HeredocTrimTemplateRule, InterpolationRule, StringRule
from hcl2.utils import SerializationOptions, process_escape_sequences
from hcl_functions import FUNCTIONS, NotEvaluated, TerraformError, items, text

Node = Any
_LITERALS = {"null": None, "true": True, "false": False}
_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    ">": lambda left, right: left > right,
    "<=": lambda left, right: left <= right,
    ">=": lambda left, right: left >= right,
    "&&": lambda left, right: left and right,
    "||": lambda left, right: left or right,
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
}


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What names mean, and the file they stand in."""

    names: Mapping[str, Any]
    file: str

    def also(self, names: Mapping[str, Any]) -> "Scope":
        return replace(self, names={**self.names, **names})

    def where(self, node: Node) -> str:
        return f"{self.file}:{getattr(node._meta, 'line', '?')}"


class Lazy(Mapping[str, Any]):
    """A mapping whose values are made when they are first asked for, so that definitions may stand in any order."""

    def __init__(self, makers: Mapping[str, Callable[[], Any]], what: str) -> None:
        self._makers, self._what = makers, what
        self._made: dict[str, Any] = {}
        self._making: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        if name not in self._makers:
            raise KeyError(name)
        if name not in self._made:
            if name in self._making:
                raise TerraformError(f"{self._what}.{name} refers to itself")
            self._making.add(name)
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


def name_of(node: Node) -> str:
    """An identifier, or a string without interpolation, as text."""
    return str(node.serialize(SerializationOptions(strip_string_quotes=True)))


def evaluate(node: Node, scope: Scope) -> Any:
    """The value of an expression."""
    handler = _HANDLERS.get(type(node))
    if handler is None:
        raise NotEvaluated(f"{scope.where(node)}: {type(node).__name__}")
    return handler(node, scope)


def _identifier(node: Node, scope: Scope) -> Any:
    name = name_of(node)
    if name not in scope.names:
        raise NotEvaluated(f"{scope.where(node)}: the name {name!r}")
    return scope.names[name]


def _string(node: StringRule, scope: Scope) -> Any:
    contents = [part.content for part in node.string_parts]
    if len(contents) == 1 and isinstance(contents[0], InterpolationRule):
        return evaluate(contents[0].expression, scope)
    return "".join(_part(content, scope) for content in contents)


def _part(content: Node, scope: Scope) -> str:
    if isinstance(content, InterpolationRule):
        return text(evaluate(content.expression, scope))
    if content.lark_name() == "STRING_CHARS":
        return process_escape_sequences(str(content.value))
    raise NotEvaluated(f"{scope.file}: {content.lark_name()} in a string")


def _binary(node: BinaryOpRule, scope: Scope) -> Any:
    operator = str(node.binary_term.binary_operator.serialize()).strip()
    if operator not in _OPERATORS:
        raise NotEvaluated(f"{scope.where(node)}: the operator {operator}")
    left, right = evaluate(node.expr_term, scope), evaluate(node.binary_term.expr_term, scope)
    try:
        return _OPERATORS[operator](left, right)
    except TypeError:
        raise TerraformError(f"{scope.where(node)}: {left!r} {operator} {right!r}") from None


def _unary(node: UnaryOpRule, scope: Scope) -> Any:
    value = evaluate(node.expr_term, scope)
    return not value if node.operator.strip() == "!" else -value


def _conditional(node: ConditionalRule, scope: Scope) -> Any:
    return evaluate(node.if_true if evaluate(node.condition, scope) else node.if_false, scope)


def _object(node: ObjectRule, scope: Scope) -> dict[str, Any]:
    return {_key(element.key, scope): evaluate(element.expression, scope) for element in node.elements}


def _key(key: Node, scope: Scope) -> str:
    if isinstance(key, ObjectElemKeyRule) and isinstance(key.value, IdentifierRule):
        return name_of(key.value)
    return text(evaluate(key.value if isinstance(key, ObjectElemKeyRule) else key.expression, scope))


def _loops(intro: ForIntroRule, condition: Node, scope: Scope) -> Iterator[Scope]:
    """The scope of each pass of a `for` that its condition lets through."""
    first, second = intro.first_iterator, intro.second_iterator
    for key, value in items(evaluate(intro.iterable, scope)):
        names = {name_of(first): value} if second is None else {name_of(first): key, name_of(second): value}
        inner = scope.also(names)
        if condition is None or evaluate(condition.condition_expr, inner):
            yield inner


def _for_list(node: ForTupleExprRule, scope: Scope) -> list[Any]:
    return [evaluate(node.value_expr, inner) for inner in _loops(node.for_intro, node.condition, scope)]


def _for_object(node: ForObjectExprRule, scope: Scope) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for inner in _loops(node.for_intro, node.condition, scope):
        key = text(evaluate(node.key_expr, inner))
        if key in result:
            raise TerraformError(f"{scope.where(node)}: two elements have the key {key!r}")
        result[key] = evaluate(node.value_expr, inner)
    return result


def _index(node: IndexExprTermRule, scope: Scope) -> Any:
    holder, index = evaluate(node.children[0], scope), evaluate(node.children[1].index_expression, scope)
    return _element(holder, index, scope.where(node))


def _attribute(node: GetAttrExprTermRule, scope: Scope) -> Any:
    return _element(evaluate(node.expr_term, scope), name_of(node.get_attr.identifier), scope.where(node))


def _element(holder: Any, index: Any, where: str) -> Any:
    try:
        return holder[index]
    except (KeyError, IndexError, TypeError):
        raise TerraformError(f"{where}: no element {index!r}") from None


def _call(node: FunctionCallRule, scope: Scope) -> Any:
    name = "::".join(map(name_of, node.identifiers))
    arguments = node.arguments.arguments if node.arguments else []
    if node.arguments and node.arguments.has_ellipsis:
        raise NotEvaluated(f"{scope.where(node)}: ... in the call of {name}")
    if name in ("try", "can"):
        return _tried(name, arguments, scope)
    if name not in FUNCTIONS:
        raise NotEvaluated(f"{scope.where(node)}: the function {name}")
    return FUNCTIONS[name](*(evaluate(argument, scope) for argument in arguments))


def _tried(name: str, arguments: list[Node], scope: Scope) -> Any:
    """`try`: the first argument that is no error; `can`: whether the argument is none."""
    for argument in arguments:
        try:
            value = evaluate(argument, scope)
        except TerraformError:
            continue
        return True if name == "can" else value
    if name == "can":
        return False
    raise TerraformError("every argument of try is an error")


_HANDLERS: Mapping[type, Callable[[Any, Scope], Any]] = {
    ExprTermRule: lambda node, scope: evaluate(node.expression, scope),
    IdentifierRule: _identifier,
    LiteralValueRule: lambda node, _: _LITERALS[str(node.token.value)],
    IntLitRule: lambda node, _: int(node.serialize()),
    FloatLitRule: lambda node, _: float(node.serialize()),
    StringRule: _string,
    HeredocTrimTemplateRule: lambda node, _: name_of(node),
    BinaryOpRule: _binary,
    UnaryOpRule: _unary,
    ConditionalRule: _conditional,
    TupleRule: lambda node, scope: [evaluate(element, scope) for element in node.elements],
    ObjectRule: _object,
    ForTupleExprRule: _for_list,
    ForObjectExprRule: _for_object,
    IndexExprTermRule: _index,
    GetAttrExprTermRule: _attribute,
    FunctionCallRule: _call,
}

Body = dict[str, Any]
META = frozenset({"for_each", "count", "depends_on", "provider", "lifecycle"})
"""What Terraform reads of a resource itself and gives to no provider."""


def attributes(body: Node) -> dict[str, Node]:
    """The expressions of a block's own attributes."""
    return {name_of(child.identifier): child.expression for child in body.children if isinstance(child, AttributeRule)}


def blocks(body: Node) -> list[tuple[list[str], Node]]:
    """Labels and body of each block in a block."""
    return [([*map(name_of, child.labels)], child.body) for child in body.children if isinstance(child, BlockRule)]


def content(body: Node, scope: Scope, *, but: frozenset[str] = frozenset()) -> Body:
    """What a block says, `but` for some names: attributes, and nested blocks by type; dynamic ones are unfolded."""
    result: Body = {name: evaluate(node, scope) for name, node in attributes(body).items() if name not in but}
    for labels, inner in blocks(body):
        if labels[0] == "dynamic":
            result.setdefault(labels[1], []).extend(_unfolded(labels[1], inner, scope))
        elif labels[0] not in but:
            result.setdefault(labels[0], []).append(content(inner, scope))
    return result


def _unfolded(kind: str, body: Node, scope: Scope) -> Iterator[Body]:
    template = next(inner for labels, inner in blocks(body) if labels == ["content"])
    for key, value in items(evaluate(attributes(body)["for_each"], scope)):
        yield content(template, scope.also({kind: {"key": key, "value": value}}))
