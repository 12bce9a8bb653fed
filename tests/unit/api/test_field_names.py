"""Our answers have exactly the fields that Airflow's have, as Airflow itself told them (`tests/oracle`)."""

import json
from pathlib import Path

import msgspec
import pytest

from sailplane.api import models, value_models

RECORD = json.loads((Path(__file__).parents[2] / "oracle" / "api_fields.json").read_text())["fields"]


@pytest.mark.parametrize("name", sorted(RECORD))
def test_a_model_has_airflows_fields(name: str) -> None:
    model = getattr(models, name, None) or getattr(value_models, name)
    ours = {field.encode_name for field in msgspec.structs.fields(model)}
    assert ours == set(RECORD[name])
