"""The files of `infra/monitoring`: right in themselves, and the same in Google's hands whoever puts them there."""

import io
import json
import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template
from typing import Any

import pytest
from declared_resources import ANSWERS, PROJECT
from hcl_expressions import Body
from hcl_module import Module
from terraform_variables import variables

from sailplane.engine import journal
from sailplane.model.ids import RunKey
from sailplane.model.states import RunState

INFRA = Path(__file__).parents[3] / "infra"
NAME = "night"
POLICIES = ("late-tick", "dead-letters", "failed-runs")
METRICS: Mapping[str, tuple[str, frozenset[str]]] = {
    "run.googleapis.com/request_count": ("cloud_run_revision", frozenset({"response_code_class"})),
    "run.googleapis.com/container/instance_count": ("cloud_run_revision", frozenset()),
    "pubsub.googleapis.com/subscription/num_undelivered_messages": ("pubsub_subscription", frozenset()),
    "pubsub.googleapis.com/subscription/oldest_unacked_message_age": ("pubsub_subscription", frozenset()),
    "firestore.googleapis.com/document/read_ops_count": ("firestore.googleapis.com/Database", frozenset()),
    "firestore.googleapis.com/document/write_ops_count": ("firestore.googleapis.com/Database", frozenset()),
}
"""Google's metrics that the files may name: the resource type each is written for, and its labels that we use."""
RESOURCE_LABELS = {
    "cloud_run_revision": "service_name",
    "cloud_run_job": "job_name",
    "pubsub_subscription": "subscription_id",
    "firestore.googleapis.com/Database": "database_id",
}
CONDITIONS = {
    "conditionAbsent": {"filter", "duration", "trigger", "aggregations"},
    "conditionThreshold": {"filter", "duration", "trigger", "aggregations", "comparison", "thresholdValue"},
}


def document(file: str) -> dict[str, Any]:
    text = Template((INFRA / "monitoring" / file).read_text())
    filled: dict[str, Any] = json.loads(text.substitute(name=NAME, project=PROJECT, database="(default)"))
    return filled


def declared(type_: str) -> list[Body]:
    toml = {"deployment": {"name": NAME, "dashboard": True}}
    module = Module(INFRA / "terraform", variables(toml), ANSWERS)
    return [one.body for one in module.resources() if one.type == type_]


def conditions(policy: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for condition in policy["conditions"]:
        [kind] = condition.keys() - {"displayName"}
        yield kind, condition[kind]


def filters() -> list[tuple[str, str]]:
    """Every filter over metrics, with where it stands."""
    found = [(policy, one["filter"]) for policy in POLICIES for _, one in conditions(document(f"{policy}.policy.json"))]
    for tile in document("dashboard.json")["mosaicLayout"]["tiles"]:
        for data in tile["widget"].get("xyChart", {}).get("dataSets", ()):
            found.append((tile["widget"]["title"], data["timeSeriesQuery"]["timeSeriesFilter"]["filter"]))
    return found


@pytest.mark.parametrize(("where", "filter_"), filters())
def test_a_filter_names_a_metric_with_its_resource_and_labels(where: str, filter_: str) -> None:
    said = dict(re.findall(r'([\w.]+)="([^"]*)"', filter_))
    metric, resource = said.pop("metric.type"), said.pop("resource.type", None)
    if metric == f"logging.googleapis.com/user/{document('runs-ended.metric.json')['name']}":
        assert resource in (None, "cloud_run_revision", "cloud_run_job")
        labels = {one["key"] for one in document("runs-ended.metric.json")["metricDescriptor"]["labels"]}
    else:
        expected, allowed = METRICS[metric]
        assert resource == expected
        labels = set(allowed)
    allowed_labels = {f"metric.label.{label}" for label in labels}
    allowed_labels |= {f"resource.label.{RESOURCE_LABELS[resource]}"} if resource else set()
    assert said.keys() <= allowed_labels


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_has_what_the_monitoring_api_asks_for(policy: str) -> None:
    content = document(f"{policy}.policy.json")
    assert content["combiner"] == "OR"
    assert content["severity"] in ("CRITICAL", "ERROR", "WARNING")
    assert content["userLabels"] == {"sailplane": NAME, "alert": policy}
    assert content["documentation"].keys() == {"mimeType", "subject", "content"}
    assert len(content["documentation"]["content"].encode()) < 8 * 1024
    assert len(content["documentation"]["subject"]) <= 255
    assert 30 * 60 <= int(content["alertStrategy"]["autoClose"].removesuffix("s")) <= 7 * 24 * 3600
    for kind, condition in conditions(content):
        assert condition.keys() == CONDITIONS[kind]
        assert len(condition["filter"]) <= 2048
        assert int(condition["duration"].removesuffix("s")) % 60 == 0
        for aggregation in condition["aggregations"]:
            assert int(aggregation["alignmentPeriod"].removesuffix("s")) >= 60


def test_an_absence_is_waited_for_as_long_as_google_asks_and_longer_than_its_metric_is_delayed() -> None:
    [(kind, condition)] = conditions(document("late-tick.policy.json"))
    assert kind == "conditionAbsent"
    assert int(condition["duration"].removesuffix("s")) >= 300


def test_the_metric_counts_the_line_that_ends_a_run() -> None:
    metric = document("runs-ended.metric.json")
    assert 'jsonPayload.event="run_ended"' in metric["filter"]
    descriptor = metric["metricDescriptor"]
    assert (descriptor["metricKind"], descriptor["valueType"]) == ("DELTA", "INT64")
    assert metric["labelExtractors"].keys() == {one["key"] for one in descriptor["labels"]}
    assert set(metric["labelExtractors"].values()) == {"EXTRACT(jsonPayload.dag_id)", "EXTRACT(jsonPayload.state)"}


@pytest.fixture
def quiet_logging() -> Iterator[None]:
    """Puts back what the set-up of a process's logging changes."""
    root, ours = logging.getLogger(), logging.getLogger("sailplane")
    handlers, level, our_level = root.handlers[:], root.level, ours.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    ours.setLevel(our_level)


@pytest.mark.usefixtures("quiet_logging")
def test_the_line_that_a_function_logs_at_the_end_of_a_run_has_what_the_metric_reads() -> None:
    stream = io.StringIO()
    journal.set_up({"K_SERVICE": f"{NAME}-worker"}, stream)
    journal.run_ended(RunKey("weather", "manual__1"), RunState.FAILED)
    [line] = map(json.loads, stream.getvalue().splitlines())
    assert line["event"] == "run_ended"
    extractors = document("runs-ended.metric.json")["labelExtractors"]
    fields = {label: re.fullmatch(r"EXTRACT\(jsonPayload\.(\w+)\)", one) for label, one in extractors.items()}
    read = {label: line[field[1]] for label, field in fields.items() if field}
    assert read == {"dag_id": "weather", "state": "failed"}


def test_the_tiles_of_the_dashboard_do_not_overlap_and_stay_within_its_columns() -> None:
    layout = document("dashboard.json")["mosaicLayout"]
    taken: set[tuple[int, int]] = set()
    for tile in layout["tiles"]:
        cells = {
            (x, y)
            for x in range(tile["xPos"], tile["xPos"] + tile["width"])
            for y in range(tile["yPos"], tile["yPos"] + tile["height"])
        }
        assert not taken & cells
        assert max(x for x, _ in cells) < layout["columns"]
        taken |= cells


@pytest.mark.parametrize("path", sorted((INFRA / "monitoring").iterdir()), ids=lambda path: path.name)
def test_a_file_has_only_placeholders_that_both_ways_fill_in(path: Path) -> None:
    placeholders = re.findall(r"\$\{(\w+)\}", path.read_text())
    assert set(placeholders) <= {"name", "project", "database"}
    assert path.read_text().count("$") == len(placeholders)


def test_terraform_declares_each_policy_as_its_file_says() -> None:
    policies = {one["user_labels"]["alert"]: as_policy(one) for one in declared("google_monitoring_alert_policy")}
    assert policies == {policy: document(f"{policy}.policy.json") for policy in POLICIES}


def as_policy(body: Body) -> dict[str, Any]:
    """An alert policy of Terraform as the Monitoring API has it."""
    documentation, strategy = body["documentation"][0], body["alert_strategy"][0]
    return {
        "displayName": body["display_name"],
        "combiner": body["combiner"],
        "severity": body["severity"],
        "userLabels": body["user_labels"],
        "documentation": camel_case(documentation),
        "alertStrategy": camel_case(strategy),
        "conditions": [as_condition(one) for one in body["conditions"]],
    }


def as_condition(body: Body) -> dict[str, Any]:
    [(kind, [one])] = [(name, value) for name, value in body.items() if name != "display_name" and value]
    [trigger] = one["trigger"]
    aggregations = [camel_case(each) for each in one["aggregations"]]
    plain = {name: value for name, value in one.items() if name not in ("trigger", "aggregations")}
    content = {**camel_case(plain), "trigger": trigger, "aggregations": aggregations}
    return {"displayName": body["display_name"], next(iter(camel_case({kind: 0}))): content}


def camel_case(body: Mapping[str, Any]) -> dict[str, Any]:
    return {re.sub(r"_(\w)", lambda found: found[1].upper(), name): value for name, value in body.items()}


def test_terraform_declares_metric_and_dashboard_as_their_files_say() -> None:
    [metric], [dashboard] = declared("google_logging_metric"), declared("google_monitoring_dashboard")
    file = document("runs-ended.metric.json")
    assert metric["name"] == file["name"]
    assert metric["filter"] == file["filter"]
    assert metric["label_extractors"] == file["labelExtractors"]
    [descriptor] = metric["metric_descriptor"]
    descriptor = {**camel_case(descriptor), "labels": [camel_case(one) for one in descriptor["labels"]]}
    assert descriptor == file["metricDescriptor"]
    assert json.loads(dashboard["dashboard_json"]) == document("dashboard.json")
