"""Runs one function in another Python. Needs nothing but its standard library, and knows nothing of Sailplane.

It is given a folder: `call.json` says what to call, `arguments` has the arguments; it writes `result` or `error.json`.
"""

import __future__

import importlib
import importlib.util
import json
import os
import sys
import traceback
import types
from typing import Any, Dict, Optional  # noqa: UP035 - the other Python may be an old one

Call = Dict[str, Any]  # noqa: UP006
VALUES = "_sailplane_values"
"""The package in the folder that reads and writes values; a copy of ours under a name that shadows nothing."""


class PlainJson:
    """For Pythons that our own reader of values is too new for."""

    @staticmethod
    def loads(data: bytes) -> Any:
        return json.loads(data.decode(), object_hook=PlainJson._check)

    @staticmethod
    def dumps(value: Any) -> bytes:
        return json.dumps(value).encode()

    @staticmethod
    def _check(value: Dict[str, Any]) -> Dict[str, Any]:  # noqa: UP006
        if "__type__" in value:
            raise TypeError(
                "only JSON values can be passed to Python {}.{}, not a {}".format(
                    sys.version_info[0], sys.version_info[1], value["__type__"]
                )
            )
        return value


class Envelopes:
    """JSON with typed envelopes, as XComs are."""

    def __init__(self, folder: str) -> None:
        sys.path.insert(0, folder)
        try:
            self._xcom = importlib.import_module(VALUES + ".xcom")
            codecs = importlib.import_module(VALUES + ".xcom_codecs")
        finally:
            sys.path.remove(folder)
        if importlib.util.find_spec("pendulum") is None:
            codecs.DECODERS["pendulum"] = codecs.DECODERS["datetime"]

    def loads(self, data: bytes) -> Any:
        return self._xcom.loads(data.decode())

    def dumps(self, value: Any) -> bytes:
        text: str = self._xcom.dumps(value, where="the function")
        return text.encode()


def serializer(name: str, folder: str) -> Any:
    """What reads arguments and writes the result."""
    if name != "json":
        return importlib.import_module(name)
    return Envelopes(folder) if sys.version_info >= (3, 10) else PlainJson


def define(call: Call, module: types.ModuleType) -> Any:
    """The function, its lines numbered as in its file, so that tracebacks lead there."""
    source = "\n" * (call["line"] - 1) + call["source"]
    flags = __future__.annotations.compiler_flag if hasattr(__future__, "annotations") else 0
    exec(compile(source, call["file"], "exec", flags, True), module.__dict__)
    return getattr(module, call["name"])


def become(call: Call) -> types.ModuleType:
    """A module of its own for the function, in the place of this one."""
    sys.path[0:1] = call["path"]
    sys.path.extend(each for each in call["more_path"] if each not in sys.path)
    module = types.ModuleType("__main__")
    module.__file__ = call["file"]
    module.__dict__["virtualenv_string_args"] = call["string_args"]
    sys.modules["__main__"] = module
    return module


def run(call: Call, folder: str) -> None:
    module = become(call)
    values = serializer(call["serializer"], folder)
    function = define(call, module)
    with open(os.path.join(folder, "arguments"), "rb") as file:
        arguments = values.loads(file.read())
    result = function(*arguments["args"], **arguments["kwargs"])
    if hasattr(result, "__await__"):
        result = importlib.import_module("asyncio").run(result)
    if result is not None:
        data = values.dumps(result)
        with open(os.path.join(folder, "result"), "wb") as file:
            file.write(data)


def report(error: BaseException, folder: str) -> None:
    """Print the author's part of the traceback, and leave what went wrong for the task to raise."""
    trace: Optional[types.TracebackType] = error.__traceback__  # noqa: UP045
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace)
    with open(os.path.join(folder, "error.json"), "w") as file:
        json.dump({"kind": type(error).__name__, "message": str(error)}, file)


def main(folder: str) -> int:
    with open(os.path.join(folder, "call.json")) as file:
        call = json.load(file)
    try:
        run(call, folder)
    except Exception as error:  # The edge to user code.
        report(error, folder)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
