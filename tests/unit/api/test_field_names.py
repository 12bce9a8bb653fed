"""Our answers have exactly the fields that Airflow's have, as Airflow itself told them (`tests/oracle`)."""

import json
from pathlib import Path

import msgspec
import pytest

from sailplane.api import asset_models, human_models, models, pool_models, rerun_models, state_models, value_models

RECORD = json.loads((Path(__file__).parents[2] / "oracle" / "api_fields.json").read_text())["fields"]
OUR_OWN = {"PoolBody": {"rate"}, "PoolPatchBody": {"rate"}, "PoolResponse": {"rate"}}
"""Fields that Airflow does not have."""
MODULES = (asset_models, models, value_models, human_models, pool_models, rerun_models, state_models)


@pytest.mark.parametrize("name", sorted(RECORD))
def test_a_model_has_airflows_fields(name: str) -> None:
    model = next(getattr(module, name) for module in MODULES if hasattr(module, name))
    ours = {field.encode_name for field in msgspec.structs.fields(model)}
    assert ours - OUR_OWN.get(name, set()) == set(RECORD[name])
