"""`sailplane tasks render` and the API's `rendered_fields`."""

import json
from dataclasses import replace

from sailplane.model.ids import RunKey, TaskKey

RUN = RunKey("etl", "first")
WHERE = ("tasks", "render", "etl", "first", "extract")


def show(backend, rendered, *, earlier=None):
    key = RUN, TaskKey("extract")
    backend.instances[key] = replace(backend.instances[key], rendered=rendered)
    if earlier is not None:
        backend.earlier[key] = [replace(backend.earlier[key][0], rendered=earlier)]


def test_the_newest_tries_fields_are_shown(cli, backend):
    show(backend, '{"bash_command":"echo 2","env":{"A":"***"}}', earlier='{"bash_command":"echo 1"}')
    assert cli(*WHERE, "-o", "json").json == {"bash_command": "echo 2", "env": {"A": "***"}}
    assert "echo 2" in cli(*WHERE).out
    assert cli(*WHERE, "--try", "1", "-o", "json").json == {"bash_command": "echo 1"}


def test_a_try_that_is_not_there_is_told(cli):
    result = cli(*WHERE, "--try", "7")
    assert (result.code, "has no try 7; there are 1 to 2" in result.err) == (1, True)


def test_nothing_rendered_is_told(cli):
    result = cli(*WHERE, "-o", "json")
    assert (result.json, "has rendered nothing" in result.err) == ({}, True)


def test_the_api_has_them(backend):
    from sailplane.api.app import App
    from sailplane.api.http import Request
    from sailplane.api.users import Open

    show(backend, '{"op_args":[1,"a"]}')
    path = "/api/v2/dags/etl/dagRuns/first/taskInstances/extract"
    answer = App(backend, Open()).handle(Request(method="GET", path=path))
    assert json.loads(answer.body)["rendered_fields"] == {"op_args": [1, "a"]}
