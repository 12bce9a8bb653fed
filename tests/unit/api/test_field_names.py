"""Our answers have exactly the fields that Airflow's have, as Airflow itself told them (`tests/oracle`)."""

import json
from pathlib import Path

import msgspec
import pytest

from sailplane.api import models

RECORD = json.loads((Path(__file__).parents[2] / "oracle" / "api_fields.json").read_text())["fields"]


@pytest.mark.parametrize("name", sorted(RECORD))
def test_a_model_has_airflows_fields(name: str) -> None:
    ours = {field.encode_name for field in msgspec.structs.fields(getattr(models, name))}
    assert ours == set(RECORD[name])
