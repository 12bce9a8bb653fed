"""DAGs that Airflow and Sailplane read alike: Airflow's half was recorded by `record_airflow_structures.py`."""

import json
from typing import Any

import pytest
from record_airflow_structures import RECORD, SAILPLANE, structure

CASES = json.loads(RECORD.read_text())


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_declaration_means_what_it_means_in_airflow(case: dict[str, Any]) -> None:
    ours, theirs = structure(SAILPLANE, case["source"]), case["airflow"]
    if isinstance(theirs, str):
        assert isinstance(ours, str), "Airflow refuses it"
    else:
        assert ours == theirs
