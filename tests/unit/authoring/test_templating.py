"""Templates in operators' arguments."""

from typing import Any

import pytest
from authored_bundle import Bundle

DAG_FILE = """
from sailplane import DAG, BaseOperator, PythonOperator
class Show(BaseOperator):
    template_fields = ("value",)
    template_ext = (".sql",)
    def __init__(self, *, value, **kwargs):
        super().__init__(**kwargs)
        self.value = value
    def execute(self, context): return self.value
class Query:
    template_fields = ("sql",)
    def __init__(self, sql): self.sql = sql
    def __eq__(self, other): return self.sql == other.sql
with DAG("x", {dag}):
    Show(task_id="show", value={value}, {task})
"""


def rendered(bundle: Bundle, value: str, *, dag: str = "", task: str = "") -> Any:
    return bundle.value(bundle.one(DAG_FILE.format(value=value, dag=dag, task=task)), "show")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("'plain'", "plain"),
        ("'{{ ds }} and {{ run_id }}'", "2024-05-01 and scheduled__2024-05-01"),
        ("['{{ ds }}', ('{{ 1 + 1 }}', 3), {'k': '{{ ti.task_id }}', '{{ ds }}': 1}]", None),
        ("{'{{ ds_nodash }}'}", {"20240501"}),
        ("7", 7),
        ("'line\\n'", "line"),
        ("'{% if ds > \"2024\" %}new{% endif %}'", "new"),
        ("'{# nothing #}x'", "x"),
        ("'{{ logical_date | ds_nodash }} {{ logical_date | ts }}'", "20240501 2024-05-01T06:00:00+00:00"),
        ("'{{ none_here | ds }}' if False else '{{ dag_run.end_date | ds }}'", "None"),
        ("'{{ macros.ds_add(ds, -1) }}'", "2024-04-30"),
        ("'{{ data_interval_end.in_timezone(\"Asia/Tokyo\").hour }}'", "15"),
        ("'{{ params.n }}'", "1"),
        ("'{{ task.task_id }} {{ dag.dag_id }}'", "show x"),
        ("'{%- do [1].append(2) -%}done'", "done"),
    ],
)
def test_templates_are_rendered_wherever_they_stand(bundle: Bundle, value: str, expected: Any) -> None:
    if expected is None:
        expected = ["2024-05-01", ("2", 3), {"k": "show", "{{ ds }}": 1}]
    assert rendered(bundle, value, dag="params={'n': 1}") == expected


def test_objects_with_template_fields_are_rendered_inside(bundle: Bundle) -> None:
    dag = bundle.one(DAG_FILE.format(value="'-'", dag="", task=""))
    query = type(dag.get_task("show")).execute.__globals__["Query"]
    dag.get_task("show").value = [query("{{ ds }}")]
    outcome = bundle.run(dag, "show")
    assert outcome.error is not None
    assert "it holds a sailplane_dag_flow_2e_py.Query" in outcome.error.message
    assert dag.get_task("show").value == [query("{{ ds }}")], "the DAG's own object stays as it was"


@pytest.mark.parametrize(
    ("dag", "task", "expected"),
    [
        ("render_template_as_native_obj=True", "", [1, 2]),
        ("", "render_template_as_native_obj=True", [1, 2]),
        ("render_template_as_native_obj=True", "render_template_as_native_obj=False", "[1, 2]"),
        ("", "", "[1, 2]"),
    ],
)
def test_native_rendering_keeps_the_type(bundle: Bundle, dag: str, task: str, expected: Any) -> None:
    assert rendered(bundle, "'{{ [1, 2] }}'", dag=dag, task=task) == expected


def test_macros_filters_and_options_of_the_dag_are_there(bundle: Bundle) -> None:
    options = (
        "user_defined_macros={'plus': lambda n: n + 1}, user_defined_filters={'shout': str.upper}, "
        "jinja_environment_kwargs={'variable_start_string': '<<', 'variable_end_string': '>>'}"
    )
    assert rendered(bundle, "'<< plus(1) >> << \"a\" | shout >> {{ ds }}'", dag=options) == "2 A {{ ds }}"


def test_a_file_of_templates_is_found_beside_the_dag_and_in_the_search_path(bundle: Bundle) -> None:
    bundle.write("sql/query.sql", "select '{{ ds }}' {% include 'more.sql' %}")
    bundle.write("parts/more.sql", "from {{ params.n }}")
    path = f"template_searchpath='{bundle.root}/parts', params={{'n': 1}}"
    assert rendered(bundle, "'sql/query.sql'", dag=path) == "select '2024-05-01' from 1"


@pytest.mark.parametrize("native", [True, False])
def test_an_undefined_name_fails_the_task_in_every_mode(bundle: Bundle, native: bool) -> None:
    dag = bundle.one(DAG_FILE.format(value="'{{ nothing }}'", dag=f"render_template_as_native_obj={native}", task=""))
    outcome = bundle.run(dag, "show")
    assert outcome.error is not None
    assert "'nothing' is undefined" in outcome.error.message


def test_a_function_in_a_templated_field_makes_the_value(bundle: Bundle) -> None:
    assert rendered(bundle, "lambda context, jinja_env: context['ds']") == "2024-05-01"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("'{{ nothing }}'", "value: template '{{ nothing }}' does not render: 'nothing' is undefined"),
        ("'{{ ds'", "value: template '{{ ds' does not render: "),
        ("'none.sql'", "value: there is no template file 'none.sql' beside the DAG or in template_searchpath"),
        ("'{{ ds.__class__.__mro__ }}'", "access to attribute '__class__' of 'str' object is unsafe."),
    ],
)
def test_a_template_that_does_not_render_fails_the_task_and_names_the_field(
    bundle: Bundle, value: str, message: str
) -> None:
    outcome = bundle.run(bundle.one(DAG_FILE.format(value=value, dag="", task="")), "show")
    assert outcome.error is not None
    assert outcome.error.kind == "TemplateError"
    assert message in outcome.error.message


def test_an_exception_of_a_called_macro_is_the_tasks(bundle: Bundle) -> None:
    macros = "user_defined_macros={'bad': lambda: 1 / 0}"
    outcome = bundle.run(bundle.one(DAG_FILE.format(value="'{{ bad() }}'", dag=macros, task="")), "show")
    assert outcome.error is not None
    assert outcome.error.kind == "ZeroDivisionError"


def test_an_xcom_of_a_classic_operator_is_pulled_by_template_and_by_output(bundle: Bundle) -> None:
    dag = bundle.one("""
        from sailplane import DAG, BashOperator, PythonOperator
        with DAG("x"):
            first = BashOperator(task_id="first", bash_command="echo 1")
            PythonOperator(task_id="text", python_callable=lambda v: v, op_args=["{{ ti.xcom_pull('first') }}"])
            PythonOperator(task_id="output", python_callable=lambda v: v, op_args=[first.output])
        """)
    assert bundle.value(dag, "text", xcoms={"first": [7]}) == "[7]"
    assert bundle.value(dag, "output", xcoms={"first": [7]}) == [7]
    assert dag.get_task("output").upstream_task_ids == {"first"}


def test_templates_dict_reaches_the_function_rendered(bundle: Bundle) -> None:
    dag = bundle.one("""
        from sailplane import DAG, PythonOperator
        with DAG("x"):
            PythonOperator(task_id="p", python_callable=lambda templates_dict: templates_dict["q"],
                           templates_dict={"q": "q.sql"}, templates_exts=[".sql"])
        """)
    bundle.write("q.sql", "select {{ ds_nodash }}")
    assert bundle.value(dag, "p") == "select 20240501"
