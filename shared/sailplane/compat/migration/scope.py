"""Which of Airflow's names the names of a file stand for."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sailplane.compat.airflow import names
from sailplane.compat.airflow.finder import ROOT

_IMPORT_ERRORS = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


@dataclass(frozen=True, kw_only=True)
class Import:
    """One name of Airflow's that a file imports."""

    path: str
    line: int
    local: str
    """What the file calls it."""
    has_fallback: bool
    """It stands in a `try` that goes on without it."""


def is_airflow(path: str) -> bool:
    return path == ROOT or path.startswith(f"{ROOT}.")


def airflow_imports(module: ast.Module) -> list[Import]:
    """What runs of a file imports of Airflow, wherever in it; what only type checkers see does not count."""
    return list(_imports(module.body, has_fallback=False))


def _imports(body: list[ast.stmt], *, has_fallback: bool) -> Iterator[Import]:
    for statement in body:
        match statement:
            case ast.Import(names=aliases):
                yield from _modules(aliases, statement.lineno, has_fallback)
            case ast.ImportFrom(module=str(module), names=aliases, level=0) if is_airflow(module):
                for alias in aliases:
                    yield Import(
                        path=f"{module}.{alias.name}" if alias.name != "*" else module,
                        line=statement.lineno,
                        local=alias.asname or alias.name,
                        has_fallback=has_fallback,
                    )
            case ast.If(test=test) if _is_type_checking(test):
                yield from _imports(statement.orelse, has_fallback=has_fallback)
            case ast.Try(handlers=handlers):
                is_caught = has_fallback or any(_catches_imports(handler) for handler in handlers)
                yield from _imports(statement.body, has_fallback=is_caught)
                for rest in (*(handler.body for handler in handlers), statement.orelse, statement.finalbody):
                    yield from _imports(rest, has_fallback=has_fallback)
            case _:
                yield from _imports(_inner(statement), has_fallback=has_fallback)


def _modules(aliases: list[ast.alias], line: int, has_fallback: bool) -> Iterator[Import]:
    for alias in aliases:
        if is_airflow(alias.name):
            yield Import(
                path=alias.name, line=line, local=alias.asname or alias.name.split(".")[0], has_fallback=has_fallback
            )


def _inner(statement: ast.stmt) -> list[ast.stmt]:
    """The statements inside one, over all its blocks."""
    return [
        inner
        for _, value in ast.iter_fields(statement)
        if isinstance(value, list)
        for inner in value
        if isinstance(inner, ast.stmt)
    ]


def _is_type_checking(test: ast.expr) -> bool:
    return ast.unparse(test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def _catches_imports(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(ast.unparse(each) in _IMPORT_ERRORS for each in caught)


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The names of a file that are Airflow's."""

    imported: Mapping[str, str]
    """By local name, the path it stands for."""

    @classmethod
    def of(cls, imports: list[Import]) -> "Scope":
        """`import airflow.models.dag` makes the name `airflow`; with `as` it makes another for the whole path."""
        return cls(imported={each.local: ROOT if each.local == ROOT else each.path for each in imports})

    def path(self, node: ast.expr) -> str | None:
        """The path of Airflow's that an expression such as `models.DAG` stands for, None when it stands for none."""
        match node:
            case ast.Name(id=name):
                return self.imported.get(name)
            case ast.Attribute(value=value, attr=attribute):
                base = self.path(value)
                return f"{base}.{attribute}" if base is not None else None
        return None


def split(path: str) -> tuple[str, str, str]:
    """A path as the module of Airflow's in it, the name in that, and the rest: attributes of what the name is."""
    parts = path.split(".")
    length = next(size for size in range(len(parts), 0, -1) if size == 1 or names.is_module(".".join(parts[:size])))
    name = parts[length] if len(parts) > length else ""
    return ".".join(parts[:length]), name, ".".join(parts[length + 1 :])


def is_present(path: str) -> bool:
    """True when Sailplane has the module or name of Airflow's."""
    module, name, _ = split(path)
    is_version = name == "__version__" and module in names.VERSIONS
    return is_version or names.is_module(path) or bool(name and names.find(module, name))
