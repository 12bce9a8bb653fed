"""The rules of the code that can be checked by reading it. import-linter holds the layers (see pyproject.toml)."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import median, quantiles

import pytest

from sailplane.model.states import TaskState

ROOT = Path(__file__).parents[1]
CODE = sorted([*ROOT.glob("shared/**/*.py"), *ROOT.glob("functions/**/*.py"), *ROOT.glob("dags/**/*.py")])
UNIT_TESTS = sorted(ROOT.glob("tests/unit/**/*.py"))
MAINS = sorted(ROOT.glob("functions/*/main.py"))

READS_THE_ENVIRONMENT = {
    "shared/sailplane/cli/main.py": "entry point",
    "shared/sailplane/standalone/registration.py": "entry point",
    "shared/sailplane/runner/template.py": "entry point; sets up the environment of user code",
    "shared/sailplane/runner/hygiene.py": "puts the environment back after each task",
    "shared/sailplane/authoring/configuration.py": "user code's process: options under Airflow's names",
    "shared/sailplane/authoring/execution.py": "user code's process: tells it which task runs",
    "shared/sailplane/authoring/lookups.py": "user code's process: Variables and Connections while a file is read",
    "shared/sailplane/authoring/mapping.py": "user code's process: how many items may be mapped over",
    "shared/sailplane/operators/bash.py": "user code's process: a command inherits it",
    "shared/sailplane/operators/environments.py": "user code's process: installers inherit it",
    "shared/sailplane/hooks/docker.py": "user code's process: the engine that DOCKER_HOST names",
    "shared/sailplane/operators/isolated.py": "user code's process: another Python inherits it",
    "shared/sailplane/hooks/google.py": "user code's process",
    "shared/sailplane/testing/debugging.py": "entry point",
    "shared/sailplane/testing/plugin.py": "entry point",
    "shared/sailplane/testing/logbook.py": "puts the environment back after each task",
    "shared/localcloud/server.py": "what functions inherit",
    "shared/localcloud/cloudrun/guest.py": "entry point",
    "shared/localcloud/cloudrun/zygote.py": "entry point; sets up the environment of a function",
    "dags/weather_report.py": "user code",
    **{str(main.relative_to(ROOT)): "entry point" for main in MAINS},
}
"""Everything else is given its settings."""

CATCHES_EVERYTHING = {
    "shared/sailplane/api/app.py": "an unknown error becomes a 500",
    "shared/sailplane/authoring/callbacks.py": "the author's callbacks may raise anything",
    "shared/sailplane/authoring/deadline_callbacks.py": "the author's callbacks may raise anything",
    "shared/sailplane/authoring/deferring.py": "the author's triggers may raise anything",
    "shared/sailplane/authoring/execution.py": "the author's tasks may raise anything",
    "shared/sailplane/authoring/loading.py": "the author's files may raise anything",
    "shared/sailplane/authoring/reading.py": "the author's files may raise anything",
    "shared/sailplane/authoring/rendered.py": "the author's objects may raise anything when they are shown",
    "shared/sailplane/authoring/operator_links.py": "the author's links may raise anything",
    "shared/sailplane/authoring/run_planning.py": "a DAG's own timetable",
    "shared/sailplane/authoring/run_callbacks.py": "the author's callbacks may raise anything",
    "shared/sailplane/authoring/retry_policy.py": "the author's policy may raise anything",
    "shared/sailplane/cloud/committer.py": "hands an error to every thread of its group",
    "shared/sailplane/cli/run_task.py": "hands an error to the thread that waits",
    "shared/sailplane/engine/leases.py": "the edge of a thread",
    "shared/sailplane/engine/pulling.py": "the edge of a thread",
    "shared/sailplane/engine/shipper.py": "the edge of a thread",
    "shared/sailplane/operators/guest.py": "the author's function may raise anything",
    "shared/sailplane/runner/capture.py": "the author's streams may raise anything",
    "shared/sailplane/runner/child.py": "the edge of a task's process",
    "shared/sailplane/runner/file_values.py": "what a DAG file asks for may fail in any way; the file is told",
    "shared/sailplane/runner/conversation.py": "what a task asks for may fail in any way; the task is told",
    "shared/sailplane/runner/nursery.py": "the edge of a thread",
    "shared/sailplane/runner/template.py": "the edge of the template's process",
    "shared/sailplane/sensors/base.py": "the author's poke may raise anything",
    "shared/localcloud/cloudrun/zygote.py": "the edge of a function's process",
    "shared/localcloud/thread.py": "hands an error to the thread that waits",
}
"""The edges of processes, and of authors' code. Elsewhere whoever catches everything raises it again."""

WRITES_STATES = {"shared/sailplane/model/states.py", "shared/sailplane/model/execution.py"}
"""Where states and outcomes are defined."""

VAGUE = {"utils", "util", "common", "helper", "helpers", "manager", "managers", "misc"}
STATES = {state.value for state in TaskState} - {TaskState.NONE.value}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Modules that `path` imports, and in which column: 0 is at the top level."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.col_offset) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node.col_offset


def dotted(node: ast.AST) -> str:
    """`a.b.c` as text; empty for what is no name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


def in_package(*packages: str) -> list[Path]:
    return [path for path in CODE if name(path).startswith(tuple(f"shared/sailplane/{each}/" for each in packages))]


def test_modules_are_at_most_400_lines_long() -> None:
    assert [name(path) for path in CODE if lines(path) > 400] == []


def test_the_entry_points_of_functions_are_a_few_lines() -> None:
    assert len(MAINS) == 4
    assert [name(path) for path in MAINS if lines(path) > 60] == []


def test_the_entry_points_of_functions_know_only_engine_and_api() -> None:
    known = {module for path in MAINS for module, _ in imports(path) if module.startswith("sailplane")}
    assert [each for each in known if not f"{each}.".startswith(("sailplane.engine.", "sailplane.api."))] == []


def test_functions_are_short() -> None:
    lengths = [
        (node.end_lineno or node.lineno) - node.lineno + 1
        for path in CODE
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert median(lengths) <= 9
    assert quantiles(lengths, n=20)[-1] < 40, "19 of 20 functions are shorter than 40 lines"


def test_modules_are_named_for_what_they_hold() -> None:
    words = {word: name(path) for path in CODE for word in re.split(r"[_/.]", name(path))}
    assert {words[word] for word in VAGUE & words.keys()} == set()


def test_the_environment_is_read_at_entry_points_only() -> None:
    readers = {
        name(path)
        for path in CODE
        for node in ast.walk(tree(path))
        if dotted(node) in ("os.environ", "os.environb", "os.getenv")
    }
    assert readers - READS_THE_ENVIRONMENT.keys() == set()


def catches_everything(handler: ast.ExceptHandler) -> bool:
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(each is None or dotted(each) in ("Exception", "BaseException") for each in caught)


def raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def test_only_edges_catch_everything() -> None:
    catchers = {
        name(path)
        for path in CODE
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler) and catches_everything(node) and not raises_again(node)
    }
    assert catchers - CATCHES_EVERYTHING.keys() == set()


def enum_members(module: ast.Module) -> set[int]:
    """Ids of the nodes that are values of enum members."""
    classes = (node for node in ast.walk(module) if isinstance(node, ast.ClassDef))
    enums = (each for each in classes if any(dotted(base).endswith("Enum") for base in each.bases))
    return {id(node.value) for each in enums for node in each.body if isinstance(node, ast.Assign)}


def test_states_are_members_of_the_enum_and_not_strings() -> None:
    spelt = [
        f"{name(path)}:{node.lineno} {node.value!r}"
        for path in in_package("api", "cli", "cloud", "engine", "planner", "runner", "standalone", "model")
        if name(path) not in WRITES_STATES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and node.value in STATES and id(node) not in enum_members(tree(path))
    ]
    assert spelt == []


def dataclass_options(node: ast.ClassDef) -> str | None:
    return next((ast.unparse(each) for each in node.decorator_list if "dataclass" in ast.unparse(each)), None)


def test_records_are_frozen_and_take_keywords_only() -> None:
    keys = {"TaskKey", "RunKey"}
    loose = [
        f"{name(path)}: {node.name}"
        for path in in_package("model")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef) and (options := dataclass_options(node)) is not None
        if "frozen=True" not in options or ("kw_only=True" not in options and node.name not in keys)
    ]
    assert loose == []


def test_what_the_planner_says_cannot_be_changed() -> None:
    loose = [
        f"{name(path)}: {node.name}"
        for path in in_package("planner")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef) and "frozen=True" not in (dataclass_options(node) or "frozen=True")
    ]
    assert loose == []


def test_planner_and_model_ask_no_clock() -> None:
    askers = [
        f"{name(path)}:{node.lineno}"
        for path in in_package("planner", "model")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr in ("now", "utcnow", "today") and "date" in dotted(node.value)
    ]
    assert askers == []


@pytest.mark.parametrize("client", ["google.cloud", "google.api_core", "google.auth"])
def test_googles_clients_are_imported_in_cloud_and_late_in_hooks(client: str) -> None:
    importers = [
        name(path)
        for path in CODE
        for module, column in imports(path)
        if module.startswith(client)
        and not name(path).startswith(("shared/sailplane/cloud/", "shared/localcloud/"))
        and not (name(path).startswith("shared/sailplane/hooks/") and column > 0)
    ]
    assert importers == []


def test_nothing_in_sailplane_asks_whether_it_runs_locally() -> None:
    """Only what starts the local cloud imports it."""
    importers = {
        name(path).split("/")[2]
        for path in CODE
        for module, _ in imports(path)
        if name(path).startswith("shared/sailplane/") and module.split(".")[0] == "localcloud"
    }
    assert importers <= {"standalone"}


def test_unit_tests_neither_sleep_nor_patch() -> None:
    calls = [
        f"{name(path)}:{node.lineno}"
        for path in UNIT_TESTS
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and dotted(node.func) in ("time.sleep", "sleep", "monkeypatch.setattr")
    ]
    mocks = [name(path) for path in UNIT_TESTS for module, _ in imports(path) if "mock" in module]
    assert calls + mocks == []


def test_the_maintainers_page_names_every_state_and_every_package() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    packages = [path.parent.name for path in ROOT.glob("shared/sailplane/*/__init__.py")]
    assert [word for word in [*TaskState, *packages] if not re.search(rf"\b{word}\b", page)] == []


def test_nothing_is_left_for_later() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX)\b")
    files = [*CODE, *ROOT.glob("tests/**/*.py")]
    assert [name(path) for path in files if path != Path(__file__) and marks.search(path.read_text())] == []


def test_the_lists_of_exceptions_name_files_that_exist() -> None:
    named = {*READS_THE_ENVIRONMENT, *CATCHES_EVERYTHING, *WRITES_STATES}
    assert [file for file in named if not (ROOT / file).is_file()] == []
