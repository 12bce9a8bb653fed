"""Every error that Sailplane raises on purpose, under one root.

Whose fault it is decides how it is logged and answered: the DAG author's (`AuthorError`), the caller's
(`RequestError`), passing trouble of the cloud (`TransientError`), or ours (`InternalError`). A class's docstring is
its default message.
"""


class SailplaneError(Exception):
    """Something went wrong in Sailplane."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class AuthorError(SailplaneError):
    """A DAG file says something that cannot be."""


class InvalidId(AuthorError):
    """An id has characters that are not allowed, or is too long."""


class DuplicateTaskId(AuthorError):
    """Two tasks of one DAG have the same task_id."""


class DagCycle(AuthorError):
    """The tasks of a DAG wait for each other in a circle."""


class InvalidSchedule(AuthorError):
    """A schedule is neither a cron line, a preset, a timedelta nor None."""


class InvalidParam(AuthorError):
    """A param's value does not fit its schema."""


class UnknownQueue(AuthorError):
    """A task names a queue that nobody serves."""


class XComNotSerializable(AuthorError):
    """A value cannot be stored as an XCom."""


class TemplateError(AuthorError):
    """A Jinja template does not render."""


class RequestError(SailplaneError):
    """A request cannot be answered as it stands."""


class NotFound(RequestError):
    """There is no such thing."""


class AlreadyExists(RequestError):
    """There is one already."""


class Forbidden(RequestError):
    """Whoever asks may not have this."""


class InvalidConf(RequestError):
    """The conf of a run does not fit the DAG's params."""


class SettingsError(SailplaneError):
    """A setting is missing or makes no sense."""


class TransientError(SailplaneError):
    """A cloud service did not answer; the same call may go through later."""


class Unavailable(TransientError):
    """A cloud service could not be reached in time."""


class QuotaExhausted(TransientError):
    """A cloud service allows no more of this for now."""


class InternalError(SailplaneError):
    """Sailplane broke one of its own rules."""


class IllegalTransition(InternalError):
    """A state cannot follow another."""


class CorruptRecord(InternalError):
    """A stored document does not have the form that this version writes."""


class TaskIsRunning(RequestError):
    """A task instance is running that was not to be touched then."""
