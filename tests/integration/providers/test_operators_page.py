"""The examples of `docs/operators.md` do what stands below them, against servers that speak the systems' protocols."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_bigquery import FakeBigQuery
from mail_server import MailServer, mail_server
from rest_server import Answer, Request, RestServer, rest_server

import sailplane
from localcloud import LocalCloudConfig, LocalCloudThread
from localcloud.cloudrun.jobs_spec import JobSpec
from sailplane import DAG
from sailplane.hooks.object_stores import store_for

PAGE = (Path(__file__).parents[3] / "docs" / "operators.md").read_text()
EXAMPLES = {
    re.findall(r'DAG\("(\w+)"', code)[0]: (code, ends)
    for code, ends in re.findall(r"```python\n(.*?)```\n```text\n(.*?)```", PAGE, re.DOTALL)
}
DAY = "2026-03-01"


def web(request: Request) -> Answer:
    """A shop, Slack, and the API of Cloud Functions."""
    if request.path == "/v1/price":
        return Answer(content={"price": 5, "day": request.query["day"][0]})
    if request.path.endswith("/tell:call"):
        return Answer(content={"executionId": "e1", "result": f"told of {request.json['day']}"})
    return Answer(content=b"ok")


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloudThread]:
    code = f"import os, sys; sys.exit(os.environ['DAY'] != '{DAY}')"
    job = JobSpec(name="crunch", location="europe-west1", command=(sys.executable, "-c", code))
    config = LocalCloudConfig(data_dir=tmp_path_factory.mktemp("cloud"), run_jobs=(job,))
    with LocalCloudThread(config) as thread:
        yield thread


@pytest.fixture
def bigquery() -> FakeBigQuery:
    made = FakeBigQuery(datasets={"air": {"datasetReference": {"datasetId": "air", "projectId": "p"}}})
    made.objects[f"gs://letters-of-the-day/flights/{DAY}.csv"] = "id,km\n1,300\n2,750\n"
    return made


@pytest.fixture
def mails() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture
def pages() -> Iterator[RestServer]:
    with rest_server(web) as server:
        yield server


@pytest.fixture(autouse=True)
def world(
    cloud: LocalCloudThread,
    bigquery: FakeBigQuery,
    mails: MailServer,
    pages: RestServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[None]:
    extra = {"disable_ssl": True, "disable_tls": True, "from_email": "bot@example.org"}
    smtp = {"conn_type": "smtp", "host": "127.0.0.1", "port": mails.port, "extra": extra}
    with rest_server(bigquery.answer) as api:
        variables = {
            **cloud.environment(),
            "BIGQUERY_EMULATOR_HOST": api.url,
            "CLOUD_FUNCTIONS_EMULATOR_HOST": pages.url,
            "GOOGLE_CLOUD_PROJECT": "p",
            "AIRFLOW_CONN_SMTP_DEFAULT": json.dumps(smtp),
            "AIRFLOW_CONN_SLACK_DEFAULT": json.dumps({"conn_type": "slackwebhook", "password": f"{pages.url}/hook"}),
            "AIRFLOW_CONN_SHOP": pages.url,
            "AIRFLOW_CONN_LEDGER": json.dumps({"conn_type": "sqlite", "host": str(tmp_path / "ledger")}),
        }
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        store_for.cache_clear()
        yield
        store_for.cache_clear()


def ended(name: str) -> tuple[Any, list[str]]:
    """The run of an example, and what the page says of it that is not so."""
    if name == "reports":
        sailplane.GCSHook().create_bucket("letters-of-the-day")
    code, ends = EXAMPLES[name]
    namespace: dict[str, Any] = {"__name__": f"page_{name}"}
    made: list[DAG] = []

    class Seen(DAG):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            made.append(self)

    exec(compile(re.sub(r"\bDAG\(", "_seen(", code), f"{name}.py", "exec"), {**namespace, "_seen": Seen})
    run = made[0].test(logical_date=DAY)
    wrong = []
    for line in ends.splitlines():
        task, state, returned = re.fullmatch(r"(\w+): (\w+)(?:, returned (.*))?", line).groups()  # type: ignore[union-attr]
        told = run.state if task == "run" else run.state_of(task)
        if told != state or (returned and json.loads(returned) != run.xcom(task)):
            wrong.append(f"{line} -- but {told}, {run.xcom(task) if returned else ''} {run.describe()}")
    if len(ends.splitlines()) != len(run.states) + 1:
        wrong.append(f"there are other tasks: {run.states}")
    return run, wrong


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_ends_as_the_page_says(name: str) -> None:
    assert ended(name)[1] == []


def test_every_example_says_how_it_ends() -> None:
    assert len(EXAMPLES) == PAGE.count("```python") == 7


def test_the_failures_of_the_evening_are_told(mails: MailServer, pages: RestServer) -> None:
    ended("evening")
    assert [request.json["text"] for request in pages.requests] == [f"land failed on {DAY}"]
    received = {str(mail.message["Subject"]): mail.recipients for mail in mails.received}
    assert received == {
        f"Flights of {DAY}": ["pilots@example.org"],
        f"evening.land is failed (manual__{DAY}T00:00:00+00:00)": ["tower@example.org"],
    }


def test_the_page_names_what_there_is() -> None:
    named = set(re.findall(r"`(\w+)`", PAGE.partition("## What has to")[0]))
    kinds = re.compile(
        r"^(GCS|BigQuery|PubSub|Cloud|Http|SQL|Smtp|Slack|Email|ObjectStorage).*(Hook|Operator|Sensor|Notifier|Path)$"
    )
    there = {name for name in sailplane.__all__ if kinds.match(name)} - {"GCSObjectExistenceAsyncSensor"}
    assert there - named == set()
    assert {name for name in named if kinds.match(name)} - set(sailplane.__all__) == set()
