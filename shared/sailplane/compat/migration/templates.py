"""Names of the context that are gone or empty: in templates, in what a task reads, and among its arguments."""

import ast
import re
from collections.abc import Iterator, Mapping

from sailplane.compat.migration import differences
from sailplane.compat.migration.findings import Remark, Verdict
from sailplane.compat.migration.scope import Scope, split

_KNOWN: Mapping[str, tuple[Verdict, str]] = {
    **{name: (Verdict.MISSING, advice) for name, advice in differences.REMOVED_CONTEXT.items()},
}
_EXPRESSION = re.compile(r"\{[{%](.*?)[%}]\}", re.DOTALL)
_WORD = re.compile(r"(?<![.\w'\"])[A-Za-z_]\w*")
_CONTEXTS = frozenset({"context", "kwargs", "ctx"})


def look(module: ast.Module, scope: Scope) -> Iterator[Remark]:
    callables = _callables(module)
    for node in ast.walk(module):
        match node:
            case ast.Constant(value=str(text)):
                for name in _words(text):
                    yield from _remark(name, node.lineno)
            case ast.Subscript(value=ast.Name(id=mapping), slice=ast.Constant(value=str(name))) if mapping in _CONTEXTS:
                yield from _remark(name, node.lineno)
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=mapping), attr="get"), args=[ast.Constant(value=str(name)), *_]
            ) if mapping in _CONTEXTS:
                yield from _remark(name, node.lineno)
            case ast.FunctionDef() | ast.AsyncFunctionDef() if node.name in callables or _is_task(node, scope):
                for argument in (*node.args.args, *node.args.kwonlyargs):
                    yield from _remark(argument.arg, argument.lineno)


def _words(text: str) -> Iterator[str]:
    """The names that a template's expressions start with."""
    for expression in _EXPRESSION.findall(text):
        yield from _WORD.findall(expression)


def _remark(name: str, line: int) -> Iterator[Remark]:
    if name in _KNOWN:
        verdict, advice = _KNOWN[name]
        yield Remark(line=line, verdict=verdict, name=name, advice=advice)


def _callables(module: ast.Module) -> frozenset[str]:
    """Functions of the file that an operator is given."""
    return frozenset(
        node.value.id
        for node in ast.walk(module)
        if isinstance(node, ast.keyword) and node.arg == "python_callable" and isinstance(node.value, ast.Name)
    )


def _is_task(function: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> bool:
    for decorator in function.decorator_list:
        path = scope.path(decorator.func if isinstance(decorator, ast.Call) else decorator)
        if path is not None and split(path)[1] == "task":
            return True
    return False
