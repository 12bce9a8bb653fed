"""A server of this process that speaks BigQuery's REST API (v2) as far as our operators use it; SQLite runs the SQL."""

import csv
import io
import re
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rest_server import Answer, Request

BASE = "/bigquery/v2/projects/"
TYPES: Mapping[type, str] = {int: "INTEGER", float: "FLOAT", str: "STRING", type(None): "STRING"}


def refusal(status: int, reason: str, message: str) -> Answer:
    error = {"code": status, "message": message, "errors": [{"reason": reason, "message": message}]}
    return Answer(status=status, content={"error": error})


@dataclass
class Table:
    resource: dict[str, Any]
    rows: list[list[Any]] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        return [each["name"] for each in self.resource.get("schema", {}).get("fields", [])]


@dataclass
class FakeBigQuery:
    """Datasets `d`, tables `d.t`, jobs by id, and the objects that jobs load and write."""

    datasets: dict[str, dict[str, Any]] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    objects: dict[str, str] = field(default_factory=dict)
    looks_until_done: int = 0
    """How often a job is asked for before it has ended."""
    location: str = "US"
    """Of all jobs. Those elsewhere than in US and EU are only found by who names it."""
    cancelled: list[str] = field(default_factory=list)
    insertions: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, request: Request) -> Answer:
        if not request.path.startswith(BASE):
            return refusal(404, "notFound", f"no such path: {request.path}")
        project, _, rest = request.path.removeprefix(BASE).partition("/")
        parts = rest.split("/")
        handler = getattr(self, f"on_{request.method.lower()}_{'_'.join(parts[0::2])}", None)
        if handler is None:
            return refusal(404, "notFound", f"not there: {request.method} {request.path}")
        with self.lock:
            found: Answer = handler(project, parts[1::2], request)
            return found

    # Datasets and tables.

    def on_post_datasets(self, project: str, names: Sequence[str], request: Request) -> Answer:
        name = request.json["datasetReference"]["datasetId"]
        if name in self.datasets:
            return refusal(409, "duplicate", f"Already Exists: Dataset {project}:{name}")
        self.datasets[name] = request.json
        return Answer(content=request.json)

    def on_get_datasets(self, project: str, names: Sequence[str], request: Request) -> Answer:
        found = self.datasets.get(names[0])
        return Answer(content=found) if found else refusal(404, "notFound", f"Not found: Dataset {project}:{names[0]}")

    def on_delete_datasets(self, project: str, names: Sequence[str], request: Request) -> Answer:
        if names[0] not in self.datasets:
            return refusal(404, "notFound", f"Not found: Dataset {project}:{names[0]}")
        inside = [each for each in self.tables if each.startswith(f"{names[0]}.")]
        if inside and request.query.get("deleteContents") != ["true"]:
            return refusal(400, "resourceInUse", f"Dataset {project}:{names[0]} is still in use")
        for each in inside:
            del self.tables[each]
        del self.datasets[names[0]]
        return Answer(status=204, content=b"")

    def on_post_datasets_tables(self, project: str, names: Sequence[str], request: Request) -> Answer:
        name = f"{names[0]}.{request.json['tableReference']['tableId']}"
        if names[0] not in self.datasets:
            return refusal(404, "notFound", f"Not found: Dataset {project}:{names[0]}")
        if name in self.tables:
            return refusal(409, "duplicate", f"Already Exists: Table {project}:{name}")
        self.tables[name] = Table(request.json)
        return Answer(content=request.json)

    def on_get_datasets_tables(self, project: str, names: Sequence[str], request: Request) -> Answer:
        if len(names) == 1:
            listed = [table.resource for name, table in self.tables.items() if name.startswith(f"{names[0]}.")]
            return Answer(content={"tables": listed, "totalItems": len(listed)})
        table = self.tables.get(".".join(names))
        if table is None:
            return refusal(404, "notFound", f"Not found: Table {project}:{'.'.join(names)}")
        return Answer(content=table.resource)

    def on_patch_datasets_tables(self, project: str, names: Sequence[str], request: Request) -> Answer:
        table = self.tables[".".join(names)]
        table.resource = {**table.resource, **request.json}
        return Answer(content=table.resource)

    def on_delete_datasets_tables(self, project: str, names: Sequence[str], request: Request) -> Answer:
        if self.tables.pop(".".join(names), None) is None:
            return refusal(404, "notFound", f"Not found: Table {project}:{'.'.join(names)}")
        return Answer(status=204, content=b"")

    def on_get_datasets_tables_data(self, project: str, names: Sequence[str], request: Request) -> Answer:
        table = self.tables[".".join(names)]
        selected = request.query.get("selectedFields", [",".join(table.names)])[0].split(",")
        places = [table.names.index(name) for name in selected]
        limit = int(request.query.get("maxResults", ["1000"])[0])
        rows = [[row[place] for place in places] for row in table.rows[:limit]]
        return Answer(content={"rows": [_row(row) for row in rows], "totalRows": str(len(table.rows))})

    def on_post_datasets_tables_insertAll(self, project: str, names: Sequence[str], request: Request) -> Answer:
        table = self.tables[".".join(names)]
        errors = []
        for index, row in enumerate(request.json["rows"]):
            unknown = row["json"].keys() - set(table.names)
            if unknown:
                errors.append(
                    {"index": index, "errors": [{"reason": "invalid", "message": f"no such field: {unknown}"}]}
                )
            else:
                table.rows.append([row["json"].get(name) for name in table.names])
        return Answer(content={"insertErrors": errors} if errors else {})

    # Jobs.

    def on_post_jobs(self, project: str, names: Sequence[str], request: Request) -> Answer:
        if len(names) == 2 or request.path.endswith("/cancel"):
            return self.on_post_jobs_cancel(project, names, request)
        reference = request.json["jobReference"]
        if reference["jobId"] in self.jobs:
            return refusal(409, "duplicate", f"Already Exists: Job {project}:{reference['jobId']}")
        self.insertions += 1
        job = self.begin(project, reference["jobId"], request.json["configuration"])
        return Answer(content=self.shown(job))

    def begin(self, project: str, job_id: str, configuration: dict[str, Any]) -> dict[str, Any]:
        reference = {"projectId": project, "jobId": job_id, "location": self.location}
        job = {
            "kind": "bigquery#job",
            "jobReference": reference,
            "id": f"{project}:{self.location}.{job_id}",
            "configuration": configuration,
            "looks": self.looks_until_done,
            "error": None,
            "result": ([], []),
            "statistics": {},
        }
        self.jobs[job_id] = job
        kind = next(name for name in ("query", "load", "extract", "copy") if name in configuration)
        try:
            job["result"] = getattr(self, f"run_{kind}")(configuration[kind]) or ([], [])
        except (sqlite3.Error, KeyError, ValueError) as error:
            job["error"] = {"reason": "invalidQuery", "message": str(error)}
        return job

    def shown(self, job: dict[str, Any]) -> dict[str, Any]:
        hidden = ("looks", "error", "result")
        done = job["looks"] <= 0
        status: dict[str, Any] = {"state": "DONE" if done else "RUNNING"}
        if done and job["error"]:
            status |= {"errorResult": job["error"], "errors": [job["error"]]}
        configuration = {"jobType": next(iter(job["configuration"])).upper(), **job["configuration"]}
        shown = {name: value for name, value in job.items() if name not in hidden}
        return {**shown, "configuration": configuration, "status": status}

    def on_get_jobs(self, project: str, names: Sequence[str], request: Request) -> Answer:
        job = self.sought(names[0], request)
        if job is None:
            return refusal(404, "notFound", f"Not found: Job {project}:{names[0]}")
        job["looks"] -= 1
        return Answer(content=self.shown(job))

    def sought(self, job_id: str, request: Request) -> dict[str, Any] | None:
        is_found = self.location in ("US", "EU") or request.query.get("location") == [self.location]
        return self.jobs.get(job_id) if is_found else None

    def on_post_jobs_cancel(self, project: str, names: Sequence[str], request: Request) -> Answer:
        job = self.sought(names[0], request)
        if job is None:
            return refusal(404, "notFound", f"Not found: Job {project}:{names[0]}")
        self.cancelled.append(names[0])
        job["looks"], job["error"] = 0, {"reason": "stopped", "message": "Job execution was cancelled"}
        return Answer(content={"kind": "bigquery#jobCancelResponse", "job": self.shown(job)})

    def on_get_queries(self, project: str, names: Sequence[str], request: Request) -> Answer:
        job = self.sought(names[0], request)
        if job is None:
            return refusal(404, "notFound", f"Not found: Job {project}:{names[0]}")
        job["looks"] -= 1
        if job["looks"] > 0:
            return Answer(content={"jobComplete": False, "jobReference": job["jobReference"]})
        if job["error"]:
            return refusal(400, job["error"]["reason"], job["error"]["message"])
        return Answer(content=self.results(job))

    def on_post_queries(self, project: str, names: Sequence[str], request: Request) -> Answer:
        job_id = f"job_{len(self.jobs)}"
        options = {
            name: request.json[name] for name in ("query", "useLegacySql", "queryParameters") if name in request.json
        }
        job = self.begin(project, job_id, {"query": options, "labels": request.json.get("labels", {})})
        job["looks"] = 0
        if job["error"]:
            return refusal(400, job["error"]["reason"], job["error"]["message"])
        return Answer(content=self.results(job))

    def results(self, job: dict[str, Any]) -> dict[str, Any]:
        fields, rows = job["result"]
        return {
            "kind": "bigquery#queryResponse",
            "jobReference": job["jobReference"],
            "jobComplete": True,
            "schema": {"fields": fields},
            "rows": [_row(row) for row in rows],
            "totalRows": str(len(rows)),
        }

    def run_query(self, query: Mapping[str, Any]) -> tuple[list[dict[str, str]], list[Any]]:
        connection = sqlite3.connect(":memory:")
        try:
            for name, table in self.tables.items():
                columns = ", ".join(f'"{column}"' for column in table.names or ["nothing"])
                connection.execute(f'CREATE TABLE "{name}" ({columns})')
                places = ", ".join("?" for _ in table.names or ["nothing"])
                connection.executemany(f'INSERT INTO "{name}" VALUES ({places})', table.rows)
            given = {each["name"]: _parameter(each) for each in query.get("queryParameters", [])}
            text = re.sub(r"`(?:[\w-]+\.)?(\w+\.\w+)`", r'"\1"', query["query"])
            cursor = connection.execute(re.sub(r"@`?(\w+)`?", r":\1", text), given)
            rows = cursor.fetchall()
            first = rows[0] if rows else [None] * len(cursor.description or ())
            named = zip(cursor.description or (), first, strict=True)
            return [{"name": each[0], "type": TYPES[type(value)]} for each, value in named], rows
        finally:
            connection.close()

    def run_load(self, load: Mapping[str, Any]) -> None:
        reference = load["destinationTable"]
        rows = [row for uri in load["sourceUris"] for row in csv.reader(io.StringIO(self.objects[uri]))]
        header, data = rows[0], rows[int(load.get("skipLeadingRows", 1)) :]
        detected = [
            "INTEGER" if all(row[place].isdigit() for row in data) else "STRING" for place in range(len(header))
        ]
        found = [{"name": name, "type": kind} for name, kind in zip(header, detected, strict=True)]
        fields = load.get("schema", {}).get("fields") or found
        table = Table({"tableReference": reference, "schema": {"fields": fields}})
        whole = [field["type"] == "INTEGER" for field in fields]
        table.rows = [
            [int(text) if is_whole else text for text, is_whole in zip(row, whole, strict=True)] for row in data
        ]
        self.tables[f"{reference['datasetId']}.{reference['tableId']}"] = table

    def run_extract(self, extract: Mapping[str, Any]) -> None:
        reference = extract["sourceTable"]
        table = self.tables[f"{reference['datasetId']}.{reference['tableId']}"]
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(
            [*([table.names] if extract["printHeader"] else []), *table.rows]
        )
        self.objects[extract["destinationUris"][0]] = text.getvalue()

    def run_copy(self, copy: Mapping[str, Any]) -> None:
        sources = [self.tables[f"{each['datasetId']}.{each['tableId']}"] for each in copy["sourceTables"]]
        reference = copy["destinationTable"]
        rows = [row for source in sources for row in source.rows]
        made = Table({**sources[0].resource, "tableReference": reference}, rows)
        self.tables[f"{reference['datasetId']}.{reference['tableId']}"] = made


def _row(values: Sequence[Any]) -> dict[str, Any]:
    return {"f": [{"v": None if value is None else str(value)} for value in values]}


def _parameter(given: Mapping[str, Any]) -> Any:
    value = given["parameterValue"]["value"]
    return int(value) if given["parameterType"]["type"] == "INT64" else value
