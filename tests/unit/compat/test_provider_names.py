"""What Airflow's providers call something is found under that name, and takes their arguments.

`provider_arguments.json` was recorded from the providers google 22.8.0, slack 9.11.1, smtp 3.2.0 and common-sql 2.4.0.
"""

import inspect
import json
from pathlib import Path
from typing import Any

import pytest

import sailplane
from sailplane.compat.airflow import names

RECORDED = json.loads((Path(__file__).parent / "provider_arguments.json").read_text())
NOT_TAKEN = {
    "GCSToGCSOperator": {"retain_until_time", "retention_mode"},
}
"""Refused as unknown, by name."""


def taken(kind: Any) -> set[str]:
    """Names of all arguments that the class or one of those it derives from takes."""
    own = [each.__dict__["__init__"] for each in kind.__mro__[:-1] if "__init__" in each.__dict__]
    return {name for each in own for name in inspect.signature(inspect.unwrap(each)).parameters}


@pytest.mark.parametrize("name", RECORDED)
def test_a_name_is_where_the_provider_has_it_and_takes_its_arguments(name: str) -> None:
    found = names.find(RECORDED[name]["module"], name)
    assert found is not None
    kind = found.load()
    assert kind is getattr(sailplane, name)
    assert set(RECORDED[name]["arguments"]) - taken(kind) == NOT_TAKEN.get(name, set())


def test_a_name_that_only_airflow_has_says_what_to_use() -> None:
    with pytest.raises(ImportError, match=r"does not have .*dataproc: use the service's google-cloud"):
        from airflow.providers.google.cloud.operators.dataproc import DataprocSubmitJobOperator  # noqa: F401
