from typing import Any

import pytest

from sailplane.authoring.exceptions import ParamValidationError
from sailplane.authoring.params import Param, ParamsDict, run_params


@pytest.mark.parametrize(
    ("param", "value", "message"),
    [
        (Param(type="integer"), "x", "'x' is not of type 'integer'"),
        (Param(1, type="integer", minimum=1), 0, "0 is less than the minimum of 1"),
        (Param("a", enum=["a", "b"]), "c", "'c' is not one of"),
        (Param("2024-01-01", type="string", format="date"), "soon", "'soon' is not a 'date'"),
        (Param({"a": 1}, schema={"properties": {"a": {"type": "integer"}}}), {"a": "x"}, r"\(at \$\.a\)"),
        (Param(None, type=["null", "string"]), 1, "1 is not of type 'null', 'string'"),
        (Param(1), object(), "is no JSON value"),
    ],
)
def test_a_value_must_fit_the_schema(param: Param, value: Any, message: str) -> None:
    with pytest.raises(ParamValidationError, match=message):
        param.resolve(value)
    assert param.resolve(value, suppress_exception=True) is None


def test_a_param_without_default_needs_a_value() -> None:
    assert Param(type="integer").resolve(3) == 3
    with pytest.raises(ParamValidationError, match="it has no default and no value was given"):
        Param(type="integer").resolve()


def test_a_default_of_none_counts_as_no_value_but_resolves() -> None:
    param = Param(None)
    assert param.has_value is False
    assert param.resolve() is None


def test_params_are_read_as_values_and_set_against_their_schema() -> None:
    params = ParamsDict({"n": Param(1, type="integer"), "s": "x"})
    params["n"] = 5
    params["new"] = [1]
    assert dict(params.validate()) == {"n": 5, "s": "x", "new": [1]}
    with pytest.raises(ParamValidationError, match="param 'n': 'y' is not of type 'integer'"):
        params["n"] = "y"


def test_values_set_in_one_place_do_not_show_in_another() -> None:
    shared = Param(1, type="integer")
    one, other = ParamsDict({"n": shared}), ParamsDict({"n": shared})
    one["n"] = 2
    assert (one["n"], other["n"], shared.value) == (2, 1, 1)


def test_a_run_without_params_has_none() -> None:
    assert run_params(ParamsDict(), ParamsDict(), {}) == {}


def test_conf_may_hold_more_than_the_params() -> None:
    assert run_params(ParamsDict({"n": 1}), ParamsDict(), {"extra": True}) == {"n": 1, "extra": True}
