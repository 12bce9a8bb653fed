"""Reading DAG files."""

import importlib.util
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from sailplane.authoring import scopes
from sailplane.authoring.bundle_files import dag_files
from sailplane.authoring.dag import DAG
from sailplane.authoring.dag_checks import check_dag
from sailplane.authoring.origin import is_authors, origin_of_error
from sailplane.authoring.serialization import serialize
from sailplane.compat.airflow import finder
from sailplane.model.dags import ParsedBundle, SerializedDag
from sailplane.model.errors import AuthorError
from sailplane.model.runs import DagFileError


def load_file(bundle: Path, file: str) -> Mapping[str, DAG]:
    """The DAGs that `file`, a path relative to `bundle`, declares, by dag_id.

    The file is imported with the bundle's folder on `sys.path`, anew each time; where Airflow is not installed,
    `airflow` is Sailplane. Its DAGs are those at module level,
    those of with-blocks and those that calls of @dag functions made. Raises `AuthorError`, or a subclass that says what
    is wrong, with file, line and DAG named in its message.
    """
    bundle = bundle.resolve()
    path = bundle / file
    scope = scopes.FileScope(path=str(path))
    with _open(scope, bundle):
        try:
            module = _import(path, file)
            dags = _collect(module, scope)
            if not dags:
                _refuse_airflows_own(module)
            for dag in dags.values():
                dag.fileloc, dag.relative_fileloc = str(path), file
                check_dag(dag)
        except (Exception, SystemExit) as error:  # The edge to the author's code, which may raise anything.
            raise _located(error, bundle, file) from error
    return dags


@contextmanager
def _open(scope: scopes.FileScope, bundle: Path) -> Iterator[None]:
    """Everything that is declared inside belongs to `scope`; nothing that a broken file left open stays so."""
    finder.install()
    root = str(bundle)
    if root not in sys.path:
        sys.path.insert(0, root)
    depths = len(scopes.dags), len(scopes.groups), len(scopes.brackets)
    scopes.files.append(scope)
    try:
        yield
    finally:
        scopes.files.pop()
        del scopes.dags[depths[0] :], scopes.groups[depths[1] :], scopes.brackets[depths[2] :]


class _FromSource(SourceFileLoader):
    """Compiles the file each time it is read.

    Python's cache of compiled files believes that a file is unchanged if its size is and its time to the second; and
    nobody wants folders of it beside their DAGs.
    """

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def _import(path: Path, file: str) -> ModuleType:
    name = module_name(file)
    spec = importlib.util.spec_from_file_location(name, path, loader=_FromSource(name, str(path)))
    if spec is None or spec.loader is None:
        raise AuthorError("it is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def module_name(file: str) -> str:
    """A name that no other module has, and that is the same in every process that reads the file."""
    return "sailplane_dag_" + "".join(c if c.isalnum() else f"_{ord(c):x}_" for c in file)


def _collect(module: ModuleType, scope: scopes.FileScope) -> dict[str, DAG]:
    for task in scope.operators:
        if not task.has_dag():
            with scopes.blaming(None, task.origin.line if task.origin else None):
                raise AuthorError(
                    f"task {task.task_id!r} is in no DAG: create it inside `with DAG(...):`, or pass dag="
                )
    dags: dict[str, DAG] = {}
    for dag in [*scope.dags, *(value for value in vars(module).values() if isinstance(value, DAG))]:
        known = dags.setdefault(dag.dag_id, dag)
        if known is not dag:
            lines = sorted(found.origin.line for found in (known, dag) if found.origin)
            with scopes.blaming(dag.dag_id, lines[-1] if lines else None):
                raise AuthorError(f"the file declares two DAGs with this id (lines {lines})")
    return dags


def _refuse_airflows_own(module: ModuleType) -> None:
    """A file without DAGs of ours has taken `DAG` from Airflow itself where that is installed."""
    if any(getattr(vars(module).get(name), "__module__", "").startswith("airflow.") for name in ("DAG", "dag")):
        raise AuthorError(
            "its DAGs are Airflow's own, for apache-airflow is installed here: import from sailplane instead of "
            "airflow, or use an environment without apache-airflow, where `airflow` is Sailplane"
        )


def _located(error: BaseException, bundle: Path, file: str) -> AuthorError:
    """The error as one of the author's, its message led by file, line and DAG."""
    place, line = file, getattr(error, "sailplane_line", None)
    if isinstance(error, SyntaxError) and error.filename:
        place, line = error.filename.removeprefix(f"{bundle}/"), error.lineno
    elif line is None and (origin := origin_of_error(error.__traceback__, str(bundle))):
        place, line = origin.file.removeprefix(f"{bundle}/"), origin.line
    dag_id = getattr(error, "sailplane_dag_id", None)
    where = f"{place}{f', line {line}' if line else ''}{f', DAG {dag_id!r}' if dag_id else ''}"
    kind = type(error) if isinstance(error, AuthorError) else AuthorError
    return kind(f"{where}: {_text(error)}")


def _text(error: BaseException) -> str:
    if isinstance(error, AuthorError):
        return str(error)
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg}"
    if isinstance(error, SystemExit):
        return f"the file called sys.exit({error.code!r})"
    return f"{type(error).__name__}: {error}"


@dataclass(frozen=True, kw_only=True)
class FileReport:
    """What came of reading one file: its DAGs, or why it has none."""

    file: str
    dags: tuple[SerializedDag, ...] = ()
    error: DagFileError | None = None


def parse_bundle(bundle: Path) -> ParsedBundle:
    """All that the DAG files below `bundle` declare. A file that cannot be read becomes an error, not an exception."""
    bundle = bundle.resolve()
    return combine(parse_file(bundle, file) for file in dag_files(bundle))


def parse_file(bundle: Path, file: str) -> FileReport:
    """What `file`, a path relative to the resolved path `bundle`, declares."""
    try:
        dags = [serialize(dag, file) for _, dag in sorted(load_file(bundle, file).items())]
    except AuthorError as error:
        return failed(file, str(error), _trace(error, bundle))
    return FileReport(file=file, dags=tuple(dags))


def failed(file: str, message: str, trace: str = "") -> FileReport:
    return FileReport(
        file=file, error=DagFileError(file=file, message=message, traceback=trace, seen_at=datetime.now(UTC))
    )


def combine(reports: Iterable[FileReport]) -> ParsedBundle:
    """The files' DAGs together. A file that declares a DAG which an earlier one has, counts as broken."""
    dags: dict[str, SerializedDag] = {}
    errors: list[DagFileError] = []
    for report in reports:
        sound = _without_known(report, dags)
        dags.update((dag.dag_id, dag) for dag in sound.dags)
        if sound.error is not None:
            errors.append(sound.error)
    return ParsedBundle(dags=tuple(dags[dag_id] for dag_id in sorted(dags)), errors=tuple(errors))


def _without_known(report: FileReport, known: Mapping[str, SerializedDag]) -> FileReport:
    for dag in report.dags:
        if dag.dag_id in known:
            other = known[dag.dag_id].file
            return failed(report.file, f"{report.file}, DAG {dag.dag_id!r}: {other} has a DAG with this id already")
    return report


def _trace(error: AuthorError, bundle: Path) -> str:
    """The traceback of what went wrong, without the frames that are not the author's."""
    cause = error.__cause__
    if cause is None:
        return ""
    report = traceback.TracebackException.from_exception(cause)
    report.stack = traceback.StackSummary.from_list([f for f in report.stack if is_authors(f.filename)])
    return "".join(report.format(chain=False)).replace(f"{bundle}/", "")
