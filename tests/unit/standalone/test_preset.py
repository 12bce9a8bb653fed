import pytest

from localcloud import External
from sailplane.standalone.preset import Preset

ELSEWHERE = {"GOOGLE_CLOUD_PROJECT": "elsewhere", "SAILPLANE_BUCKET": "theirs"}


@pytest.mark.parametrize("environment", [{}, ELSEWHERE, {"FIRESTORE_EMULATOR_HOST": "", **ELSEWHERE}])
def test_without_emulators_everything_is_our_own(environment):
    preset = Preset.from_mapping(environment)
    assert (preset.project, preset.bucket, preset.external) == ("sailplane-local", "sailplane", External())
    assert list(preset.lines()) == []


def test_emulators_come_with_the_project_and_the_bucket_that_are_meant():
    preset = Preset.from_mapping({"PUBSUB_EMULATOR_HOST": "127.0.0.1:8085", **ELSEWHERE})
    assert (preset.project, preset.bucket) == ("elsewhere", "theirs")
    assert preset.external == External(pubsub="127.0.0.1:8085")
    assert preset.topology.topic_path("t") == "projects/elsewhere/topics/t"
    assert list(preset.lines()) == ["Pub/Sub is the emulator at 127.0.0.1:8085, project elsewhere"]


@pytest.mark.parametrize("host", ["127.0.0.1:4443", "http://127.0.0.1:4443", "http://127.0.0.1:4443/"])
def test_a_storage_emulator_may_be_a_host_or_a_url(host):
    preset = Preset.from_mapping({"STORAGE_EMULATOR_HOST": host})
    assert preset.external.storage == "127.0.0.1:4443"
    assert (preset.project, preset.bucket) == ("sailplane-local", "sailplane")
