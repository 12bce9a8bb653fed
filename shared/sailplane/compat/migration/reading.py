"""Reads one file for what does not run here as in Airflow."""

import ast
from collections.abc import Callable, Iterator, Sequence

from sailplane.compat.airflow import names
from sailplane.compat.migration import arguments, differences, templates
from sailplane.compat.migration.findings import Remark, Verdict
from sailplane.compat.migration.scope import Import, Scope, airflow_imports, is_present, split

_Look = Callable[[ast.Module, Scope], Iterator[Remark]]


def read(text: str) -> Sequence[Remark]:
    """All that differs or is missing, in the order of lines. Empty when the file runs as it is."""
    try:
        module = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        return [Remark(line=line, verdict=Verdict.MISSING, name="syntax", advice=f"Python cannot read it: {error}")]
    imports = airflow_imports(module)
    scope = Scope.of(imports)
    looks: tuple[_Look, ...] = (_attributes, _kinds, arguments.look, templates.look)
    found = [*_of_imports(imports), *(remark for look in looks for remark in look(module, scope))]
    return sorted(set(found), key=lambda remark: (remark.line, remark.name))


def _of_imports(imports: Sequence[Import]) -> Iterator[Remark]:
    for each in imports:
        name = each.path.rpartition(".")[2]
        if not is_present(each.path):
            yield _absent(each)
        elif name in differences.NAMES:
            yield Remark(line=each.line, verdict=Verdict.DIFFERS, name=each.path, advice=differences.NAMES[name])


def _absent(wanted: Import) -> Remark:
    if wanted.has_fallback:
        return Remark(
            line=wanted.line,
            verdict=Verdict.DIFFERS,
            name=wanted.path,
            advice="it is not here: the file goes on without it",
        )
    return Remark(line=wanted.line, verdict=Verdict.MISSING, name=wanted.path, advice=names.advise(wanted.path))


def _attributes(module: ast.Module, scope: Scope) -> Iterator[Remark]:
    """Names reached through a module: `models.Pool`."""
    for node in ast.walk(module):
        if not isinstance(node, ast.Attribute) or (path := scope.path(node)) is None:
            continue
        _module, _name, rest = split(path)
        if not rest and not is_present(path) and not _is_imported(scope, path):
            yield Remark(line=node.lineno, verdict=Verdict.MISSING, name=path, advice=names.advise(path))


def _is_imported(scope: Scope, path: str) -> bool:
    """True when the import itself is reported."""
    return any(
        path == known or path.startswith(f"{known}.") for known in scope.imported.values() if not is_present(known)
    )


def _kinds(module: ast.Module, scope: Scope) -> Iterator[Remark]:
    """Kinds of `@task`: `@task.docker`, also in a chain such as `@task.run_if(...)` over `@task`."""
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for decorator in node.decorator_list:
                path = scope.path(decorator.func if isinstance(decorator, ast.Call) else decorator)
                _module, name, rest = split(path or "")
                if name == "task" and rest and "." not in rest:
                    yield from _of_kind(rest, decorator.lineno)


def _of_kind(kind: str, line: int) -> Iterator[Remark]:
    if kind not in differences.TASK_KINDS:
        advice = differences.MISSING_KINDS.get(kind, "do it in a @task")
        yield Remark(line=line, verdict=Verdict.MISSING, name=f"@task.{kind}", advice=advice)
