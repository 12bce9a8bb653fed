from datetime import timedelta
from pathlib import Path

import pytest

from sailplane.deploy.config import Function, Ingress, QueueKind, WebAccess, load, parse
from sailplane.model.errors import SettingsError


def config(text: str, tmp_path: Path):
    file = tmp_path / "sailplane.toml"
    file.write_text(text)
    return load(file)


def test_without_a_file_everything_has_its_default() -> None:
    made = load(None)
    assert made.name == "sailplane"
    assert made.database == "(default)"
    assert list(made.queues) == ["default"]
    assert made.queues["default"].kind is QueueKind.FUNCTION
    assert made.bucket_of("acme") == "acme-sailplane"
    assert made.web.access is WebAccess.ID_TOKEN
    assert made.delete_protection


def test_a_file_says_what_differs(tmp_path: Path) -> None:
    made = config(
        """
        [deployment]
        name = "orders"
        bucket = "acme-orders"
        log_retention_days = 0
        [functions.worker]
        memory = "2Gi"
        timeout = 300
        env = { GREETING = "hello", COUNT = 3, QUIET = true }
        [functions.web]
        ingress = "internal-only"
        vpc_connector = "inside"
        [queues.gpu]
        kind = "job"
        image = "europe-docker.pkg.dev/acme/images/gpu:1"
        timeout = 86400
        secrets = { TOKEN = "api-token:3" }
        """,
        tmp_path,
    )
    worker = made.functions[Function.WORKER]
    assert (worker.memory, worker.timeout) == ("2Gi", timedelta(minutes=5))
    assert worker.env == {"GREETING": "hello", "COUNT": "3", "QUIET": "true"}
    assert made.functions[Function.WEB].ingress is Ingress.INTERNAL
    assert made.log_retention_days is None
    assert made.queues["gpu"].timeout == timedelta(days=1)
    assert made.secrets == ("api-token",)
    assert not made.queues["gpu"].builds_image


def test_a_queue_takes_after_the_worker_where_it_says_nothing(tmp_path: Path) -> None:
    made = config('[functions.worker]\nmemory = "4Gi"\nmax_instances = 7\n[queues.small]\nmemory = "256Mi"', tmp_path)
    small = made.worker_function(made.queues["small"])
    assert (small.memory, small.max_instances) == ("256Mi", 7)
    assert made.worker_function(made.queues["default"]).memory == "4Gi"


def test_paths_start_at_the_folder_of_the_file(tmp_path: Path) -> None:
    made = config('[queues.default]\nrequirements = "needs/heavy.txt"', tmp_path)
    assert made.queues["default"].requirements == tmp_path / "needs/heavy.txt"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[deployment]\nnmae = "x"', r"\[deployment\] nmae is not known; did you mean 'name'\?"),
        ("[deploiment]", r"sailplane.toml: deploiment is not known; did you mean 'deployment'\?"),
        ("[functions.tock]", r"\[functions\] tock is not known; did you mean 'tick'"),
        ('[deployment]\nname = "Big"', r"\[deployment\] name = 'Big' must be lower-case"),
        ('[deployment]\nname = "much-too-long-name"', "at most 16 characters"),
        ("[deployment]\nalerts = 1", r"\[deployment\] alerts = 1 must be true or false"),
        ("[deployment]\nlog_retention_days = true", "must be a whole number"),
        ("[deployment]\nsoft_delete_days = 3", "between 7 and 90"),
        ('[deployment]\nbucket = ""', "bucket is empty"),
        ('[deployment]\ndatabase = "Sails"', r"database = 'Sails' must be '\(default\)' or 4 to 63"),
        ('[functions.tick]\nmemory = "512MB"', r"\[functions.tick\] memory = '512MB' must be like '512Mi'"),
        (
            "[functions.worker]\ntimeout = 601",
            r"\[functions.worker\] timeout = 601 s is above 600 s.*kind 'job' or 'pull'",
        ),
        ("[functions.web]\nconcurrency = 0", "must be between 1 and 1000"),
        ("[functions.web]\ncpu = 0.5", "cpu = 0.5 must be 1 or more for a concurrency above 1"),
        ("[functions.web]\nmin_instances = 9", "above max_instances"),
        ('[functions.web]\ningress = "none"', "must be one of 'all', 'internal-only'"),
        ('[web]\naccess = "open"', "must be one of 'id-token', 'iap'"),
        ('[web]\nmembers = ["ada@example.org"]', "lacks its kind; write 'user:ada@example.org'"),
        ('[web]\nmembers = ["allUsers"]', "lets everybody in; name users, groups or domains"),
        ("[web]\nmembers = [1]", "must be a list of texts"),
        ('[queues.default]\nkind = "job"', r"\[queues.default\] kind = 'job'.*alarms"),
        ('[queues.gpu]\nkind = "jobs"', "must be one of 'function', 'job', 'pull'"),
        ('[queues.fast]\ngpu = "nvidia-l4"', r"\[queues.fast\] gpu makes no sense for a queue of kind 'function'"),
        ('[queues.gpu]\nkind = "job"\nconcurrency = 3', "concurrency makes no sense for a queue of kind 'job'"),
        ('[queues.gpu]\nkind = "job"\nimage = "x"\ndockerfile = "y"', "leave out dockerfile"),
        ('[queues.gpu]\nkind = "job"\nsecrets = { A = "b" }', "secrets.A = 'b' must be like 'name-of-secret:latest'"),
        ('[queues.gpu]\nkind = "job"\nservice_account = "me"', "must be an email address"),
        ("[queues.Fast]", "Fast is no name for a queue"),
        ("[queues.events]", "events is no name for a queue"),
        ("[queues.gpu]\nenv = { A = [1] }", r"env.A = \[1\] must be a text"),
        ("[queues.big]\nmin_instances = 300", r"\[queues.big\] min_instances = 300 is above max_instances, 100"),
        ('[queues.gpu]\nkind = "job"\ncpu = 0.5', r"cpu = 0.5 must be 1 or more for a job"),
        ('[queues.gpu]\nkind = "job"\nmemory = "16Gi"', r"\[queues.gpu\] cpu = 1 is too little for 16Gi .*needs 4"),
        ("[functions.worker]\ncpu = 3", "cpu = 3 must be 1, 2, 4, 6, 8"),
        ('[functions.worker]\ncpu = 8\nmemory = "2Gi"', "cpu = 8 needs 4Gi of memory"),
        ('[functions.worker]\nmemory = "64Gi"\ncpu = 8', "32Gi is the most"),
        (
            '[functions.tick]\nenv = { SAILPLANE_BUCKET = "x" }',
            r"\[functions.tick\] env.SAILPLANE_BUCKET is set by the",
        ),
        ('[queues.a]\nenv = { K_SERVICE = "x" }', r"\[queues.a\] env.K_SERVICE is set by"),
        ('[queues.a]\nsecrets = { "A B" = "x:1" }', r"secrets.A B is no name for a variable"),
        ('[queues.a]\nsecrets = { A = "x:1" }\nenv = { A = "2" }', "secrets.A is in env, too"),
        ('[deployment]\nbucket = "gs://Acme"', "bucket = 'gs://Acme' must be 3 to 63"),
        ("queues = 3", "queues = 3 must be a table"),
        ("[deployment", "cannot be read"),
    ],
)
def test_what_is_wrong_is_told_with_file_table_and_key(text: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=complaint) as error:
        config(text, tmp_path)
    assert str(tmp_path / "sailplane.toml") in str(error.value)


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml does not exist; name the file with --config"):
        load(tmp_path / "nowhere.toml")


def test_a_document_can_be_parsed_without_a_file() -> None:
    assert parse({"deployment": {"name": "orders"}}, file="x", folder=Path()).name == "orders"
