"""How gcloud says no."""


class GcloudError(Exception):
    """The command fails with `code`, and `message` on stderr."""

    code = 1

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Refused(GcloudError):
    """The command line itself is wrong: nothing was asked of Google."""

    code = 2

    def __init__(self, dotted: str, message: str) -> None:
        super().__init__(message)
        self.dotted = f"gcloud.{dotted}" if dotted else "gcloud"


class NotFound(GcloudError):
    """What the command names does not exist."""

    def __init__(self, what: str) -> None:
        super().__init__(f"NOT_FOUND: {what}")


class AlreadyExists(GcloudError):
    """What the command would make exists."""

    def __init__(self, what: str) -> None:
        super().__init__(f"ALREADY_EXISTS: {what}")


class InvalidArgument(GcloudError):
    """The service does not take a value."""

    def __init__(self, what: str) -> None:
        super().__init__(f"INVALID_ARGUMENT: {what}")


class FailedPrecondition(GcloudError):
    """Something else has to be so first."""

    def __init__(self, what: str) -> None:
        super().__init__(f"FAILED_PRECONDITION: {what}")


class PermissionDenied(GcloudError):
    """The caller, or the API, is not let in."""

    def __init__(self, what: str) -> None:
        super().__init__(f"PERMISSION_DENIED: {what}")
