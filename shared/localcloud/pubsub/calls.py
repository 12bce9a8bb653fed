"""gRPC handlers around plain methods: faults before and after, errors as status codes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import grpc
import grpc.aio

from localcloud.faults import Fault, FaultKind, Faults
from localcloud.pubsub.errors import PubSubError, UnavailableError
from localcloud.pubsub.wire import Pb

Context: TypeAlias = Any
"""A grpc.aio.ServicerContext; its stubs want type parameters that it does not take at run time."""
Method: TypeAlias = Callable[[Pb], Pb]
SlowMethod: TypeAlias = Callable[[Pb, Context], Awaitable[Pb]]
StreamMethod: TypeAlias = Callable[[AsyncIterator[Pb], Context], Awaitable[None]]


class Calls:
    """Makes handlers whose fault point is `pubsub.` and the method's name."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self.closed = True
        """While closed, every call is refused as UNAVAILABLE."""

    def quick(self, name: str, request: Pb, method: Method) -> Any:
        """A method that answers at once."""

        async def call(message: Pb, context: Context) -> Pb:
            fault = await self._before(name, context) if self._faults.pending else None
            try:
                self._check_open()
                answer = method(message)
            except PubSubError as error:
                return await context.abort(error.code, str(error))
            return answer if fault is None else await _after(fault, context, answer)

        return _unary(call, request)

    def slow(self, name: str, request: Pb, method: SlowMethod) -> Any:
        """A method that may wait."""

        async def call(message: Pb, context: Context) -> Pb:
            fault = await self._before(name, context) if self._faults.pending else None
            try:
                self._check_open()
                answer = await method(message, context)
            except PubSubError as error:
                return await context.abort(error.code, str(error))
            return answer if fault is None else await _after(fault, context, answer)

        return _unary(call, request)

    def stream(self, name: str, request: Pb, method: StreamMethod) -> Any:
        """A method with a stream of requests and one of answers."""

        async def call(messages: AsyncIterator[Pb], context: Context) -> None:
            if self._faults.pending:
                await self._before(name, context)
            try:
                self._check_open()
                await method(messages, context)
            except PubSubError as error:
                await context.abort(error.code, str(error))

        return grpc.stream_stream_rpc_method_handler(
            call, request_deserializer=request.FromString, response_serializer=_serialized
        )

    def _check_open(self) -> None:
        if self.closed:
            raise UnavailableError("The local Pub/Sub is not running. Try again.")

    async def _before(self, name: str, context: Context) -> Fault | None:
        """Do the part of a fault that comes before the call, or end it; returns the fault if a part comes after."""
        fault = self._faults.take("pubsub." + name)
        if fault is None:
            return None
        if fault.kind is FaultKind.ERROR:
            await context.abort(_status(fault), f"An error was asked for at {fault.point}.")
        if fault.kind is FaultKind.LATENCY:
            await asyncio.sleep(fault.seconds)
        return fault


async def _after(fault: Fault, context: Context, answer: Pb) -> Pb:
    if fault.kind is FaultKind.LOST_ANSWER:
        await context.abort(_status(fault), f"The answer was lost, as was asked for at {fault.point}.")
    return answer


def _status(fault: Fault) -> grpc.StatusCode:
    return grpc.StatusCode[fault.status]


def _unary(call: Any, request: Pb) -> Any:
    return grpc.unary_unary_rpc_method_handler(
        call, request_deserializer=request.FromString, response_serializer=_serialized
    )


def _serialized(message: Pb) -> bytes:
    body: bytes = message.SerializeToString()
    return body
