"""Each mistake in a DAG file: an error that names file, line and DAG, and says what would be right."""
# ruff: noqa: E501 (Tables.)

import re

import pytest
from authored_bundle import Bundle

from sailplane.authoring.exceptions import AirflowException
from sailplane.model import errors
from sailplane.model.errors import AuthorError

WITH = """
from datetime import date, datetime, timedelta
from sailplane import *
from sailplane import DAG, EmptyOperator, BashOperator, PythonOperator, TaskGroup, Param, task, chain
from sailplane import CronTriggerTimetable, BaseSensorOperator
with DAG("x", schedule=None) as dag:
    a = EmptyOperator(task_id="a")
    b = EmptyOperator(task_id="b")
    {}
"""
DAG_LINE = "from datetime import date, datetime, timedelta\nfrom sailplane import DAG, Param, EmptyOperator\n\n{}\n"

MISTAKES = [
    ("a >> b >> a", errors.DagCycle, 5, "tasks wait for each other in a circle: a >> b >> a"),
    ("a >> a", errors.DagCycle, 7, "task 'a' waits for itself"),
    (
        "EmptyOperator(task_id='a')",
        errors.DuplicateTaskId,
        7,
        "there are two nodes 'a' in DAG 'x'; the first is a task (line 5)",
    ),
    ("TaskGroup('a')", errors.DuplicateTaskId, 7, "there are two nodes 'a' in DAG 'x'"),
    ("EmptyOperator(task_id='a b')", errors.InvalidId, 7, "task_id 'a b' must be made of letters, digits"),
    ("EmptyOperator(task_id=7)", errors.InvalidId, 7, "task_id must be a string, not int: 7"),
    ("TaskGroup('a.b')", errors.InvalidId, 7, "group_id 'a.b' must be made of"),
    (
        "EmptyOperator(task_id='c', retires=3)",
        AuthorError,
        7,
        "EmptyOperator(task_id='c') got the unexpected argument 'retires'",
    ),
    ("EmptyOperator('c')", AuthorError, 7, "EmptyOperator takes keyword arguments only"),
    ("BashOperator(task_id='c')", AuthorError, 7, "BashOperator(task_id='c') needs the argument 'bash_command'"),
    ("PythonOperator(task_id='c', python_callable=3)", AuthorError, 7, "python_callable must be a function, not 3"),
    ("EmptyOperator(task_id='c', retries='many')", AuthorError, 7, "task 'c': retries must be an int, not 'many'"),
    (
        "EmptyOperator(task_id='c', retry_delay='1m')",
        AuthorError,
        7,
        "task 'c': retry_delay must be a timedelta or seconds",
    ),
    (
        "EmptyOperator(task_id='c', execution_timeout=5)",
        AuthorError,
        7,
        "execution_timeout must be a timedelta, not int: 5",
    ),
    ("EmptyOperator(task_id='c', pool_slots=0)", AuthorError, 7, "pool_slots must be 1 or more, but is 0"),
    (
        "EmptyOperator(task_id='c', trigger_rule='any')",
        AuthorError,
        7,
        "there is no trigger_rule 'any'; there are all_success,",
    ),
    ("EmptyOperator(task_id='c', start_date='2024')", AuthorError, 7, "start_date must be a datetime, not str: '2024'"),
    ("EmptyOperator(task_id='c', sla=timedelta(1))", AuthorError, 7, "sla was removed in Airflow 3"),
    ("a >> 'b'", AuthorError, 7, "'b' cannot be up- or downstream of <Task(EmptyOperator): a>"),
    ("a >> print", AuthorError, 7, "call the @task function to get a task"),
    ("chain([a, b], [a])", AuthorError, 7, "but they have 2 and 1 items"),
    (
        "a >> EmptyOperator(task_id='o', dag=DAG('y'))",
        AuthorError,
        7,
        "'a' of DAG 'x' and 'o' of DAG 'y' cannot be linked",
    ),
    ("task(lambda n: n)()", AuthorError, 7, "missing a required argument: 'n'"),
    ("task(lambda n: n)(1, m=2)", AuthorError, 7, "got an unexpected keyword argument 'm'"),
    ("task(lambda ds=1: ds)()", AuthorError, 7, "asks for 'ds' of the context, so its default can only be None, not 1"),
    ("task(lambda self: 1)()", AuthorError, 7, "@task cannot decorate the method"),
    ("task('x')", AuthorError, 7, "@task takes keyword arguments only, not 'x'"),
    ("task.snowpark", AuthorError, 7, "there is no @task.snowpark; there are @task.python, @task.branch"),
    ("[*a.output]", AuthorError, 7, "cannot be iterated over in the DAG file"),
    ("a.output[0]", AuthorError, 7, "it takes keys that are strings, not 0"),
    ("BaseSensorOperator(task_id='s', mode='wait')", AuthorError, 7, "mode must be 'poke' or 'reschedule', not 'wait'"),
    ("BaseSensorOperator(task_id='s', soft_fail=True, never_fail=True)", AuthorError, 7, "exclude each other"),
    (
        "BaseSensorOperator(task_id='s', poke_interval=-1)",
        AuthorError,
        7,
        "poke_interval must be a timedelta or seconds",
    ),
    ("b.upstream_task_ids.add('gone')", AuthorError, 6, "task 'b' waits for 'gone', which the DAG does not have"),
    ("dag.get_task('gone')", AuthorError, 7, "DAG 'x' has no task 'gone'"),
    ("1 / 0", AuthorError, 7, "ZeroDivisionError: division by zero"),
]

DAG_MISTAKES = [
    ("DAG('x y')", errors.InvalidId, "dag_id 'x y' must be made of"),
    ("DAG('x', shedule='@daily')", AuthorError, "DAG() got the unexpected argument 'shedule'"),
    ("DAG('x', schedule_interval='@daily')", AuthorError, "it is called schedule since Airflow 3"),
    ("DAG('x', schedule='@sometimes')", errors.InvalidSchedule, "there is no schedule '@sometimes'; the presets are @hourly"),
    ("DAG('x', schedule='61 * * * *')", errors.InvalidSchedule, "'61 * * * *' is no cron line that ever fires"),
    ("DAG('x', schedule='0 0 30 2 *')", errors.InvalidSchedule, "'0 0 30 2 *' is no cron line that ever fires"),
    ("DAG('x', schedule='daily')", errors.InvalidSchedule, "it must have five fields"),
    ("DAG('x', schedule=7)", errors.InvalidSchedule, "schedule=7 is no schedule"),
    ("DAG('x', schedule=timedelta(0))", errors.InvalidSchedule, "must be longer than nothing"),
    ("DAG('x', schedule='@continuous')", errors.InvalidSchedule, "needs max_active_runs=1"),
    ("DAG('x', start_date='2024-01-01')", AuthorError, "start_date must be a datetime, not str: '2024-01-01'"),
    ("DAG('x', start_date=date(2024, 1, 1))", AuthorError, "start_date must be a datetime, not date"),
    ("DAG('x', default_args={'start_date': 'then'})", AuthorError, "start_date must be a datetime, not str"),
    ("DAG('x', tags='one')", AuthorError, "tags must be a list of strings"),
    ("DAG('x', catchup='no')", AuthorError, "catchup must be a bool, not str: 'no'"),
    ("DAG('x', dagrun_timeout=60)", AuthorError, "dagrun_timeout must be a timedelta, not int: 60"),
    ("DAG('x', params={'a': object()})", errors.InvalidParam, "is no JSON value"),
    ("DAG('x', schedule='@daily', params={'n': Param(type='integer')})", errors.InvalidParam, "param 'n': it has no default"),
    ("DAG('x', schedule='@daily', params={'n': Param('a', type='integer')})", errors.InvalidParam, "'a' is not of type 'integer'"),
    ("DAG('x', schedule='@daily', params={'n': Param(1, type='number ')})", errors.InvalidParam, "its JSON schema is wrong"),
    ("EmptyOperator(task_id='lost')", AuthorError, "task 'lost' is in no DAG: create it inside `with DAG(...):`"),
    ("EmptyOperator(task_id='a') >> EmptyOperator(task_id='b')", AuthorError, "neither is in a DAG"),
    ("one, two = DAG('x'), DAG('x')", AuthorError, "two DAGs with this id (lines [4, 4])"),
    ("import not_there", AuthorError, "ModuleNotFoundError: No module named 'not_there'"),
    ("raise SystemExit(3)", AuthorError, "the file called sys.exit(3)"),
    ("def f(:", AuthorError, "SyntaxError: invalid syntax"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "kind", "number", "message"), MISTAKES, ids=[row[0] for row in MISTAKES])
def test_a_mistake_inside_a_dag_names_file_line_and_dag(
    bundle: Bundle, line: str, kind: type[AuthorError], number: int, message: str
) -> None:
    text = WITH.replace("from sailplane import *\n", "").format(line)
    with pytest.raises(kind, match=rf"^flow\.py, line {number}, DAG 'x': .*{re.escape(message)}"):
        bundle.load(text)


@pytest.mark.parametrize(("line", "kind", "message"), DAG_MISTAKES, ids=[row[0] for row in DAG_MISTAKES])
def test_a_mistake_outside_a_dag_names_file_and_line(
    bundle: Bundle, line: str, kind: type[AuthorError], message: str
) -> None:
    text = DAG_LINE.format(f"dag = {line}" if line.startswith("DAG") else line)
    named = re.search(r"DAG\(('.*?')", line)
    where = f", DAG {named[1]}" if named else ""
    with pytest.raises(kind, match=rf"^flow\.py, line 4{where}: .*{re.escape(message)}"):
        bundle.load(text)


def test_a_mistake_in_a_module_of_the_bundle_names_that_module(bundle: Bundle) -> None:
    bundle.write("lib/parts.py", "def part():\n    raise ValueError('no part')\n")
    with pytest.raises(AuthorError, match=r"^lib/parts\.py, line 2: ValueError: no part"):
        bundle.load("from lib.parts import part\npart()\n")


def test_a_broken_file_leaves_nothing_open_for_the_next(bundle: Bundle) -> None:
    with pytest.raises(AuthorError):
        bundle.load("from sailplane import DAG\nDAG('x').__enter__()\nraise ValueError\n", "broken.py")
    with pytest.raises(AuthorError, match="is in no DAG"):
        bundle.load("from sailplane import EmptyOperator\nEmptyOperator(task_id='t')\n", "other.py")


def test_airflows_exceptions_are_sailplanes_too(bundle: Bundle) -> None:
    with pytest.raises(AirflowException):
        bundle.load("from sailplane import DAG\nDAG('x', schedule='x')\n")
