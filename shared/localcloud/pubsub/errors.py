"""What a Pub/Sub call can fail with, each with the gRPC status that Google answers."""

import grpc


class PubSubError(Exception):
    """A call that Pub/Sub refuses."""

    code = grpc.StatusCode.INTERNAL


class InvalidArgumentError(PubSubError):
    """The request itself is wrong, whatever the state."""

    code = grpc.StatusCode.INVALID_ARGUMENT


class NotFoundError(PubSubError):
    """The named topic, subscription or snapshot does not exist."""

    code = grpc.StatusCode.NOT_FOUND


class AlreadyExistsError(PubSubError):
    """A resource of this name exists."""

    code = grpc.StatusCode.ALREADY_EXISTS


class FailedPreconditionError(PubSubError):
    """The state does not allow it, for example a pull from a detached subscription."""

    code = grpc.StatusCode.FAILED_PRECONDITION


class UnimplementedError(PubSubError):
    """Google has it, the local one does not."""

    code = grpc.StatusCode.UNIMPLEMENTED


class UnavailableError(PubSubError):
    """The service is shutting down, or a fault was asked for; trying again is right."""

    code = grpc.StatusCode.UNAVAILABLE
