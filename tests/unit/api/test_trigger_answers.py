"""What a deferred task instance waits for, as the REST API shows it."""

from datetime import UTC, datetime

from sailplane.api.trigger_views import trigger_view
from sailplane.model.evolve import evolve
from sailplane.model.ids import RunKey
from sailplane.model.resuming import PendingTrigger, Resumption
from sailplane.model.runs import TaskInstance
from sailplane.model.states import TaskState

SINCE = datetime(2026, 3, 1, tzinfo=UTC)
PENDING = PendingTrigger(classpath="flow.Waits", kwargs='{"url":"https://u:secret@host","n":1}', asleep_since=SINCE)
DEFERRED = TaskInstance(
    run=RunKey("d", "r"),
    task_id="t",
    state=TaskState.DEFERRED,
    resumption=Resumption(method="resume", trigger=PENDING, began_at=SINCE),
)


def test_a_deferred_task_shows_its_trigger_and_keeps_its_arguments_to_itself() -> None:
    shown = trigger_view(DEFERRED)
    assert shown is not None
    assert (shown["classpath"], shown["created_date"]) == ("flow.Waits", SINCE)
    assert shown["kwargs"] == "{'url': '***', 'n': '***'}"
    assert isinstance(shown["id"], int)


def test_what_goes_on_again_waits_for_nothing() -> None:
    assert trigger_view(evolve(DEFERRED, state=TaskState.RUNNING)) is None
