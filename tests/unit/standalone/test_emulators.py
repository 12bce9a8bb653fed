from datetime import UTC, datetime, timedelta

import pytest

from sailplane.deploy.config import load
from sailplane.model.errors import SettingsError
from sailplane.standalone.emulators import Clock, Emulators, set_up

NAMED = {
    "GOOGLE_CLOUD_PROJECT": "p",
    "FIRESTORE_EMULATOR_HOST": "firestore:8080",
    "PUBSUB_EMULATOR_HOST": "pubsub:8085",
    "STORAGE_EMULATOR_HOST": "storage:4443/",
}


def test_emulators_are_what_the_variables_name():
    emulators = Emulators.named_in({**NAMED, "SAILPLANE_TOPIC_PREFIX": "team"})
    assert (emulators.pubsub, emulators.storage) == ("pubsub:8085", "http://storage:4443")
    assert emulators.topology.topic_path(emulators.topology.events_topic) == "projects/p/topics/team-events"


@pytest.mark.parametrize("missing", [name for name in NAMED if name.endswith("_HOST")])
def test_nothing_is_set_up_where_google_cloud_could_be_meant(missing):
    with pytest.raises(SettingsError, match=missing):
        Emulators.named_in({**NAMED, missing: ""})


def test_the_url_of_functions_must_say_where_their_name_goes():
    with pytest.raises(SettingsError, match=r"\{function\}"):
        set_up(Emulators.named_in(NAMED), load(None), "http://worker:8080", print)


@pytest.mark.parametrize(("seconds", "waits"), [(0, 60), (0.25, 59.75), (59.5, 0.5)])
def test_the_clock_waits_for_the_next_full_minute(seconds, waits):
    now = datetime(2026, 3, 1, 12, 7, tzinfo=UTC) + timedelta(seconds=seconds)
    slept = []
    Clock("http://tick", now=lambda: now, sleep=slept.append, say=print).wait()
    assert slept == [waits]


def test_a_tick_that_does_not_answer_is_told_and_the_clock_goes_on():
    said = []
    Clock("http://127.0.0.1:1/", now=lambda: datetime.now(UTC), sleep=lambda _: None, say=said.append).ring()
    assert said[0].startswith("http://127.0.0.1:1/ does not answer")
