"""Links that operators declare: kept as XComs when a try has ended."""

from authored_bundle import Bundle

from sailplane.authoring.serialization import serialize
from sailplane.model import xcom
from sailplane.model.execution import OutcomeKind

TEXT = """
from airflow.sdk import DAG, BaseOperator, BaseOperatorLink

class Map(BaseOperatorLink):
    name = "Map"
    def get_link(self, operator, *, ti_key):
        return f"https://map.example/{ti_key.dag_id}/{operator.place}"

class Broken(BaseOperatorLink):
    name = "Broken"
    def get_link(self, operator, *, ti_key):
        raise KeyError("nowhere")

class Fly(BaseOperator):
    operator_extra_links = (Map(), Broken())
    def __init__(self, *, place, **kwargs):
        super().__init__(**kwargs)
        self.place = place
    def execute(self, context):
        if self.place == "sea":
            raise ValueError("no")
        return self.place

with DAG("flow"):
    Fly(task_id="hill", place="hill")
    Fly(task_id="sea", place="sea")
"""


def test_a_task_that_ended_has_its_links_and_one_that_fails_is_left_out(bundle: Bundle) -> None:
    outcome = bundle.run(bundle.one(TEXT), "hill")
    assert outcome.kind is OutcomeKind.SUCCESS
    assert xcom.loads(outcome.xcoms["_link_Map"]) == "https://map.example/flow/hill"
    assert "_link_Broken" not in outcome.xcoms


def test_one_that_failed_has_them_too(bundle: Bundle) -> None:
    outcome = bundle.run(bundle.one(TEXT), "sea")
    assert outcome.kind is OutcomeKind.FAILED
    assert xcom.loads(outcome.xcoms["_link_Map"]) == "https://map.example/flow/sea"


def test_the_names_are_part_of_the_dag(bundle: Bundle) -> None:
    (hill, _) = serialize(bundle.one(TEXT), "flow.py").tasks
    assert hill.extra_links == {"Map": "_link_Map", "Broken": "_link_Broken"}
