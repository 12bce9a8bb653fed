"""A Terraform module with values for its variables: every resource that it declares, in the module and its children."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import hcl2
from hcl2.rules.expressions import ExprTermRule
from hcl2.rules.functions import FunctionCallRule
from hcl2.rules.indexing import GetAttrExprTermRule
from hcl2.rules.literal_rules import IdentifierRule
from hcl_expressions import META, Body, Lazy, Node, Scope, attributes, blocks, content, evaluate, name_of
from hcl_functions import NotEvaluated, TerraformError, items, text

Answers = Mapping[str, Callable[[Body], Mapping[str, Any]]]
"""What Google adds to a resource or answers to a question, by type: ids, emails, numbers."""


@dataclass(frozen=True, kw_only=True)
class Declared:
    """A resource that Terraform would make."""

    address: str
    type: str
    body: Body


@dataclass(frozen=True, kw_only=True)
class _Block:
    labels: list[str]
    body: Node
    file: str


@cache
def parsed(text: str) -> tuple[tuple[list[str], Node], ...]:
    """Labels and body of each block in a file. Parsing is slow, and most tests read the same files."""
    return tuple(blocks(hcl2.parses(text).body))


class Module:
    """The module in `folder`, called with `variables`. Raises `TerraformError` for a value that a type refuses."""

    def __init__(self, folder: Path, variables: Mapping[str, Any], answers: Answers, *, address: str = "") -> None:
        self.folder, self._answers, self._address = folder, answers, address
        self._blocks = [_Block(labels=labels, body=body, file=path.name)
                        for path in sorted(folder.glob("*.tf"))
                        for labels, body in parsed(path.read_text())]  # fmt: skip
        self._refuse_unknown(variables)
        self._names = self._all_names(variables)

    def variables(self) -> dict[str, Node]:
        """The bodies of the variables that the module declares."""
        return {block.labels[1]: block.body for block in self._of("variable")}

    def resources(self) -> Iterator[Declared]:
        """Every resource and question for data, here and in the modules called."""
        for block in [*self._of("resource"), *self._of("data")]:
            for key, body in self._instances(block).items():
                yield Declared(
                    address=f"{self._address}{'.'.join(block.labels[1:])}{key}", type=block.labels[1], body=body
                )
        for block in self._of("module"):
            for child in self._children(block).values():
                yield from child.resources()

    def complaints(self) -> list[str]:
        """The error messages of the validations that the variables do not pass."""
        return [
            evaluate(attributes(rule)["error_message"], scope)
            for block in self._of("variable")
            for labels, rule in blocks(block.body)
            if labels == ["validation"]
            for scope in [self._scope(block)]
            if not evaluate(attributes(rule)["condition"], scope)
        ]

    def outputs(self) -> Body:
        return {
            block.labels[1]: evaluate(attributes(block.body)["value"], self._scope(block))
            for block in self._of("output")
        }

    def dangling(self) -> list[str]:
        """What `depends_on` names and nothing declares."""
        return [
            f"{block.file}: {'.'.join(block.labels)} depends on {'.'.join(wanted)}"
            for block in self._blocks
            if "depends_on" in attributes(block.body)
            for wanted in map(_path, _elements(attributes(block.body)["depends_on"]))
            if not self._declares(wanted)
        ]

    def _of(self, kind: str) -> list[_Block]:
        return [block for block in self._blocks if block.labels[0] == kind]

    def _scope(self, block: _Block) -> Scope:
        return Scope(names=self._names, file=block.file)

    def _refuse_unknown(self, variables: Mapping[str, Any]) -> None:
        for name in variables:
            if name not in self.variables():
                raise TerraformError(f"{self.folder.name} has no variable {name!r}")

    def _all_names(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        expressions = {
            name: (node, block) for block in self._of("locals") for name, node in attributes(block.body).items()
        }
        resources = {
            kind: self._by_name("resource", kind) for kind in {block.labels[1] for block in self._of("resource")}
        }
        data = {kind: self._by_name("data", kind) for kind in {block.labels[1] for block in self._of("data")}}
        return {
            **resources,
            "var": Lazy(
                {one.labels[1]: partial(self._variable, one, variables) for one in self._of("variable")}, "var"
            ),
            "local": Lazy({name: partial(self._local, *one) for name, one in expressions.items()}, "local"),
            "data": data,
            "path": {"module": str(self.folder), "root": "."},
        }

    def _by_name(self, kind: str, type_: str) -> Lazy:
        found = [block for block in self._of(kind) if block.labels[1] == type_]
        return Lazy({block.labels[2]: partial(self._referred, block) for block in found}, type_)

    def _local(self, node: Node, block: _Block) -> Any:
        return evaluate(node, self._scope(block))

    def _variable(self, block: _Block, variables: Mapping[str, Any]) -> Any:
        name, says = block.labels[1], attributes(block.body)
        if name not in variables and "default" not in says:
            raise TerraformError(f"{self.folder.name}: the variable {name!r} has no value")
        value = variables[name] if name in variables else evaluate(says["default"], self._scope(block))
        return converted(value, says["type"], self._scope(block))

    def _instances(self, block: _Block) -> dict[str, Body]:
        """The bodies of a block, by what stands behind its name in an address."""
        found: dict[str, Body] = {}
        for key, scope in self._passes(block):
            body = content(block.body, scope, but=META)
            answer = self._answers.get(block.labels[1])
            found[key] = {**body, **answer(body)} if answer else body
        return found

    def _passes(self, block: _Block) -> Iterator[tuple[str, Scope]]:
        says, scope = attributes(block.body), self._scope(block)
        if "for_each" in says:
            for key, value in items(evaluate(says["for_each"], scope)):
                yield f'["{key}"]', scope.also({"each": {"key": key, "value": value}})
        elif "count" in says:
            for index in range(evaluate(says["count"], scope)):
                yield f"[{index}]", scope.also({"count": {"index": index}})
        else:
            yield "", scope

    def _referred(self, block: _Block) -> Any:
        """What an expression finds under the name of a block."""
        instances = self._instances(block)
        if "for_each" in attributes(block.body):
            return {key[2:-2]: body for key, body in instances.items()}
        return list(instances.values()) if "count" in attributes(block.body) else instances[""]

    def _children(self, block: _Block) -> dict[str, "Module"]:
        source = text(evaluate(attributes(block.body)["source"], self._scope(block)))
        return {
            key: Module(
                self.folder / source,
                content(block.body, scope, but=META | {"source"}),
                self._answers,
                address=f"{self._address}module.{block.labels[1]}{key}.",
            )
            for key, scope in self._passes(block)
        }

    def _declares(self, wanted: list[str]) -> bool:
        kind, rest = (wanted[0], wanted[1:]) if wanted[0] in ("module", "data") else ("resource", wanted)
        return any(block.labels[1:] == rest for block in self._of(kind))


def converted(value: Any, kind: Node, scope: Scope) -> Any:
    """`value` as a variable of the type `kind` has it: optional attributes filled, unknown ones gone."""
    if isinstance(kind, ExprTermRule):
        return converted(value, kind.expression, scope)
    if isinstance(kind, IdentifierRule):
        return _primitive(value, name_of(kind), scope.where(kind))
    if not isinstance(kind, FunctionCallRule) or kind.arguments is None:
        raise NotEvaluated(f"{scope.where(kind)}: a type")
    name = name_of(kind.identifiers[0])
    inner: Node = kind.arguments.arguments[0]
    if value is None:
        return None
    if name == "list":
        return [converted(one, inner, scope) for one in value]
    if name == "map":
        return {key: converted(one, inner, scope) for key, one in value.items()}
    if name == "object":
        return {name_of(one.key): _member(value, one, scope) for one in inner.expression.elements}
    raise NotEvaluated(f"{scope.where(kind)}: the type {name}")


def _member(value: Mapping[str, Any], element: Node, scope: Scope) -> Any:
    """One attribute of an object: given, or by the default of `optional`, or an error."""
    name, kind = name_of(element.key), element.expression.expression
    given = value.get(name)
    optional = isinstance(kind, FunctionCallRule) and name_of(kind.identifiers[0]) == "optional"
    if not optional:
        if name not in value:
            raise TerraformError(f"{scope.where(kind)}: the attribute {name!r} is missing")
        return converted(given, kind, scope)
    arguments = kind.arguments.arguments
    if given is None and len(arguments) > 1:
        given = evaluate(arguments[1], scope)
    return converted(given, arguments[0], scope)


def _primitive(value: Any, name: str, where: str) -> Any:
    if value is None:
        return None
    if name == "string":
        return text(value)
    wanted: dict[str, tuple[type, ...]] = {"number": (int, float), "bool": (bool,)}
    if name not in wanted:
        raise NotEvaluated(f"{where}: the type {name}")
    if not isinstance(value, wanted[name]):
        raise TerraformError(f"{where}: {value!r} is no {name}")
    return value


def _elements(node: Node) -> list[Node]:
    return [*node.expression.elements]


def _path(node: Node) -> list[str]:
    """`a.b.c` as its names."""
    if isinstance(node, ExprTermRule):
        return _path(node.expression)
    if isinstance(node, GetAttrExprTermRule):
        return [*_path(node.expr_term), name_of(node.get_attr.identifier)]
    return [name_of(node)]
