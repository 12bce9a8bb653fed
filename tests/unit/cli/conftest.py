import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from sailplane.api.backend import Backend
from sailplane.cli.main import run
from sailplane.cli.output import Output
from sailplane.cli.session import Session

ENVIRONMENT = {"GOOGLE_CLOUD_PROJECT": "p", "SAILPLANE_BUCKET": "b"}


@dataclass(frozen=True)
class Result:
    """What one command line came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def cli(backend: Backend) -> Callable[..., Result]:
    """Runs a command line over the backend in memory; `on_sleep` is called instead of waiting."""

    def invoke(*arguments: str, on_sleep: Callable[[], None] = lambda: None) -> Result:
        out, err = io.StringIO(), io.StringIO()
        session = Session(
            environment=ENVIRONMENT,
            output=Output(stdout=out, stderr=err),
            open_backend=lambda _environment: backend,
            sleep=lambda _seconds: on_sleep(),
        )
        code = run(arguments, session)
        return Result(code, out.getvalue(), err.getvalue())

    return invoke
