"""Arguments of DAGs and tasks that Sailplane does not act on, or that Airflow 3 does not take any more."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sailplane.compat.migration import differences
from sailplane.compat.migration.findings import Remark, Verdict
from sailplane.compat.migration.scope import Scope, split

_DEFAULTS: Mapping[str, object] = {"pool": "default_pool", "pool_slots": 1, "priority_weight": 1}
"""Values that say what is the case anyway."""
_NOTHING = (None, False)


@dataclass(frozen=True, kw_only=True)
class _Table:
    """Whose arguments they are, those that are ignored, and those that are refused."""

    owner: str
    ignored: Mapping[str, str]
    removed: Mapping[str, str]


_DAG = _Table(owner="DAG", ignored=differences.DAG_ARGUMENTS, removed=differences.REMOVED_DAG_ARGUMENTS)
_TASK = _Table(owner="task", ignored=differences.TASK_ARGUMENTS, removed=differences.REMOVED_TASK_ARGUMENTS)


def look(module: ast.Module, scope: Scope) -> Iterator[Remark]:
    """Over the calls that make DAGs and tasks, and over dicts of default arguments."""
    own = _operators_of(module, scope)
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            table = _table_of(node.func, scope, own)
            for keyword in node.keywords if table else ():
                if table and keyword.arg:
                    yield from _judge(table, keyword.arg, keyword.value, keyword.value.lineno)
        for defaults in _default_args(node):
            for key, value in zip(defaults.keys, defaults.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield from _judge(_TASK, key.value, value, key.lineno)


def _table_of(function: ast.expr, scope: Scope, own: frozenset[str]) -> _Table | None:
    """What the call of `function` makes; None when that is neither DAG nor task."""
    if isinstance(function, ast.Attribute) and function.attr in ("partial", "override"):
        function = function.value
    if isinstance(function, ast.Name) and function.id in own:
        return _TASK
    path = scope.path(function)
    if path is None:
        return None
    _, name, rest = split(path)
    if name in ("DAG", "dag") and not rest:
        return _DAG
    is_task = name == "task" or (not rest and name.endswith(("Operator", "Sensor", "SensorAsync")))
    return _TASK if is_task else None


def _operators_of(module: ast.Module, scope: Scope) -> frozenset[str]:
    """Classes of the file that are operators."""
    own: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.ClassDef) and any(
            _table_of(base, scope, frozenset(own)) is _TASK for base in node.bases
        ):
            own.add(node.name)
    return frozenset(own)


def _default_args(node: ast.AST) -> Iterator[ast.Dict]:
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Dict() as value) if name.endswith("default_args"):
            yield value
        case ast.keyword(arg="default_args", value=ast.Dict() as value):
            yield value


def _judge(table: _Table, name: str, value: ast.expr, line: int) -> Iterator[Remark]:
    where = f"{table.owner}({name}=)"
    if name in table.removed:
        yield Remark(line=line, verdict=Verdict.MISSING, name=where, advice=table.removed[name])
    elif name in table.ignored and not _says_nothing(name, value):
        yield Remark(line=line, verdict=Verdict.DIFFERS, name=where, advice=table.ignored[name])


def _says_nothing(name: str, value: ast.expr) -> bool:
    """True for a value that is the default."""
    if isinstance(value, ast.List | ast.Dict | ast.Tuple):
        return not getattr(value, "elts", None) and not getattr(value, "keys", None)
    if not isinstance(value, ast.Constant):
        return False
    return any(value.value is nothing for nothing in _NOTHING) or _DEFAULTS.get(name, ...) == value.value
