"""`emulator-compose.yml` and the Dockerfiles, held against the code that they start. No Docker is needed for that."""

import re
import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from sailplane.api.users import Open
from sailplane.api.wiring import authenticator_for
from sailplane.cli.main import app
from sailplane.cloud.settings import Settings
from sailplane.deploy.topology import OBJECT_WRITTEN, Topology
from sailplane.standalone.emulators import VARIABLES, Emulators

ROOT = Path(__file__).parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "emulator-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
FUNCTIONS = {"tick": "http", "worker": "cloudevent", "events": "cloudevent", "web": "http"}
OURS = {"sailplane/base", "sailplane/tests"}
DOCKERFILES = sorted((ROOT / "infra/docker").glob("*Dockerfile"))


def environment_of(name: str) -> dict[str, str]:
    return SERVICES[name].get("environment", {})


def conditions_of(name: str) -> dict[str, str]:
    return {other: wanted["condition"] for other, wanted in SERVICES[name].get("depends_on", {}).items()}


def ports_of(name: str) -> dict[int, int]:
    """Port in the container to the port of this machine."""
    found = {}
    for published in SERVICES[name].get("ports", ()):
        address, outer, inner = published.split(":")
        assert address == "127.0.0.1", f"{name}: emulators let everybody in, so they are for this machine only"
        found[int(inner)] = int(outer)
    return found


def flags_of(command: list[str]) -> dict[str, str]:
    """`--name=value` and `-name=value`."""
    return dict(word.lstrip("-").split("=", 1) for word in command if word.startswith("-") and "=" in word)


def test_it_has_the_emulators_the_functions_and_what_makes_them_work():
    emulators = {"firestore", "pubsub", "storage"}
    assert SERVICES.keys() == emulators | FUNCTIONS.keys() | {"set-up", "dags", "clock", "tests"}


def test_all_images_are_pinned_to_a_version():
    for name, service in SERVICES.items():
        assert re.fullmatch(r"[^:]+:\d+\.\d+\.\d+[a-z-]*", service["image"]), name


def test_the_emulators_are_the_ones_of_google_and_fake_gcs_server():
    assert SERVICES["firestore"]["image"] == SERVICES["pubsub"]["image"]
    assert SERVICES["firestore"]["image"].startswith("gcr.io/google.com/cloudsdktool/google-cloud-cli:")
    assert SERVICES["firestore"]["image"].endswith("-emulators")
    assert SERVICES["storage"]["image"].startswith("fsouza/fake-gcs-server:")


def test_the_pubsub_emulator_is_new_enough_for_filters():
    """Google Cloud CLI 555.0.0: "Add support for filtering to the Pub/Sub emulator"."""
    version = SERVICES["pubsub"]["image"].rpartition(":")[2]
    assert int(version.partition(".")[0]) >= 555


def test_our_images_have_our_version_and_only_what_is_built_here_is_built():
    pyproject = (ROOT / "pyproject.toml").read_text()
    version = re.search(r'^version = "(.+)"$', pyproject, re.MULTILINE)
    assert version is not None
    ours = {name: service for name, service in SERVICES.items() if service["image"].partition(":")[0] in OURS}
    assert {service["image"].partition(":")[2] for service in ours.values()} == {version[1]}
    built = {service["image"] for service in ours.values() if "build" in service}
    for name, service in ours.items():
        assert service["image"] in built, name
        assert "build" in service or service["pull_policy"] == "never", name


def test_what_is_built_names_files_and_stages_that_exist():
    for name, service in SERVICES.items():
        if "build" not in service:
            continue
        build = service["build"]
        dockerfile = ROOT / build["context"] / build["dockerfile"]
        assert re.search(rf"^FROM .+ AS {build['target']}$", dockerfile.read_text(), re.MULTILINE), name


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_what_dockerfiles_copy_from_the_source_exists(dockerfile):
    for words in instructions(dockerfile, "COPY"):
        if not words[0].startswith("--from="):
            for source in words[:-1]:
                assert source.startswith("$") or (ROOT / source).exists(), source


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_dockerfiles_start_from_pinned_images_and_end_as_a_user(dockerfile):
    defaults = dict(words[0].split("=", 1) for words in instructions(dockerfile, "ARG") if "=" in words[0])
    stages = {words[2] for words in instructions(dockerfile, "FROM") if len(words) == 3}
    for image, *_ in instructions(dockerfile, "FROM"):
        pinned = defaults[image[2:-1]] if image.startswith("${") else image
        assert pinned in stages or re.search(r":\d+\.\d+\.\d+", pinned), image
    assert instructions(dockerfile, "USER")[-1] == ["50000"], "Kubernetes tells by the number that it is not root"


def instructions(dockerfile: Path, wanted: str) -> list[list[str]]:
    text = re.sub(r"\\\n", " ", dockerfile.read_text())
    return [shlex.split(line)[1:] for line in text.splitlines() if line.startswith(f"{wanted} ")]


def test_the_wheel_is_built_from_all_that_it_holds():
    pyproject = (ROOT / "pyproject.toml").read_text()
    section = pyproject.partition("[tool.hatch.build.targets.wheel.force-include]")[2].partition("\n[")[0]
    included = re.findall(r'^"([^"]+)" = ', section, re.MULTILINE)
    copied = [source for words in instructions(ROOT / "infra/docker/Dockerfile", "COPY") for source in words[:-1]]
    for path in ["shared", *included]:
        assert any(path == source or path.startswith(f"{source}/") for source in copied), path


def test_everything_waits_for_what_it_needs():
    for name in ("set-up", "tests"):
        assert conditions_of(name) == dict.fromkeys(("firestore", "pubsub", "storage"), "service_healthy")
    for name in (*FUNCTIONS, "dags"):
        assert conditions_of(name) == {"set-up": "service_completed_successfully"}
    assert conditions_of("clock")["dags"] == "service_completed_successfully"


def test_whatever_is_waited_for_until_healthy_says_how_that_shows():
    for name in SERVICES:
        for other, condition in conditions_of(name).items():
            assert condition != "service_healthy" or "test" in SERVICES[other]["healthcheck"], other
    for name in FUNCTIONS:
        assert "test" in SERVICES[name]["healthcheck"]


@pytest.mark.parametrize("name", [*FUNCTIONS, "set-up", "dags"])
def test_the_environment_leads_to_the_emulators_as_the_code_reads_it(name):
    environment = environment_of(name)
    settings = Settings.from_mapping(environment)
    assert settings.firestore_host == listens("firestore", "host-port")
    assert settings.pubsub_host == listens("pubsub", "host-port")
    assert settings.storage_url == f"http://storage:{flags_of(SERVICES['storage']['command'])['port']}"
    assert Emulators.named_in(environment).settings.project == settings.project


def listens(name: str, flag: str) -> str:
    address, _, port = flags_of(SERVICES[name]["command"])[flag].partition(":")
    assert address == "0.0.0.0"
    assert int(port) in ports_of(name)
    return f"{name}:{port}"


def test_all_see_the_same_deployment():
    names = ("GOOGLE_CLOUD_PROJECT", "SAILPLANE_BUCKET", "SAILPLANE_TOPIC_PREFIX", "SAILPLANE_DATABASE", *VARIABLES)
    for name in (*FUNCTIONS, "dags"):
        assert {key: environment_of(name)[key] for key in names} == environment_of("set-up")


def test_no_variable_is_set_that_nothing_reads():
    read = set()
    for path in [*ROOT.glob("shared/**/*.py"), *ROOT.glob("functions/**/*.py")]:
        read |= set(re.findall(r'"([A-Z][A-Z_]+)"', path.read_text()))
    frameworks_own = {"THREADS", "CLOUD_RUN_TIMEOUT_SECONDS"}
    for name in SERVICES:
        assert environment_of(name).keys() <= read | frameworks_own, name


def test_the_bucket_notifies_the_topic_that_wakes_sensors():
    flags = flags_of(SERVICES["storage"]["command"])
    environment = environment_of("events")
    topology = Topology(project=environment["GOOGLE_CLOUD_PROJECT"], name=environment["SAILPLANE_TOPIC_PREFIX"])
    assert flags["event.pubsub-project-id"] == topology.project
    assert flags["event.pubsub-topic"] == topology.events_topic
    assert flags["event.bucket"] == environment["SAILPLANE_BUCKET"]
    assert f"OBJECT_{flags['event.list'].upper()}" == OBJECT_WRITTEN
    assert environment_of("storage")["PUBSUB_EMULATOR_HOST"] == environment["PUBSUB_EMULATOR_HOST"]


@pytest.mark.parametrize(("name", "signature"), FUNCTIONS.items())
def test_functions_are_started_as_google_starts_them(name, signature):
    program, *arguments = SERVICES[name]["command"]
    flags = flags_of(arguments)
    assert program == "functions-framework"
    main = ROOT / flags["source"].removeprefix("/opt/sailplane/")
    assert re.search(rf"^def {flags['target']}\(", main.read_text(), re.MULTILINE)
    assert flags.get("signature-type", "http") == signature
    assert flags["port"] == "8080"


def test_push_endpoints_and_clock_call_services_by_their_names():
    words = SERVICES["set-up"]["command"]
    pattern = dict(pairwise(words))["--functions"]
    assert pattern.replace("{function}", "worker") == "http://worker:8080"
    assert SERVICES["clock"]["command"][-1] == "http://tick:8080/"


@pytest.mark.parametrize("name", ["set-up", "dags", "clock"])
def test_commands_of_sailplane_exist_with_their_options(name):
    program, *words = SERVICES[name]["command"]
    assert program == "sailplane"
    command: Any = get_command(app)
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known


def test_dags_are_mounted_where_they_are_pushed_from():
    source, target, mode = SERVICES["dags"]["volumes"][0].split(":")
    assert (ROOT / source).is_dir()
    assert (target, mode) == (SERVICES["dags"]["command"][-1], "ro")


def test_the_web_page_is_open_to_this_machine_only():
    assert isinstance(authenticator_for(environment_of("web")), Open)
    assert ports_of("web") == {8080: 8090}


def test_no_two_services_want_one_port_of_this_machine():
    outer = [port for name in SERVICES for port in ports_of(name).values()]
    assert len(outer) == len(set(outer))


def test_tests_start_only_when_asked_for_and_are_given_the_emulators_alone():
    assert SERVICES["tests"]["profiles"] == ["tests"]
    assert environment_of("tests").keys() == set(VARIABLES)
    assert SERVICES["tests"]["network_mode"] == "service:pubsub"
