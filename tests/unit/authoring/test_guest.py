"""The script that runs in another Python, as far as it can be tried in this one."""

import ast
from pathlib import Path

import pytest

from sailplane.operators import guest
from sailplane.operators.isolated import source_of

OLDEST = (3, 7)
"""The oldest syntax that `ast` can be asked for."""


def test_it_is_written_for_old_pythons_and_needs_only_the_standard_library() -> None:
    text = Path(str(guest.__file__)).read_text()
    tree = ast.parse(text, feature_version=OLDEST)
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert not [name for name in imported if name.startswith("sailplane")]
    assert "sailplane." not in text


def test_plain_json_goes_to_pythons_that_are_too_old_for_more() -> None:
    assert guest.PlainJson.loads(guest.PlainJson.dumps({"a": [1, None]})) == {"a": [1, None]}
    with pytest.raises(TypeError, match=r"only JSON values can be passed to Python 3\.\d+, not a decimal"):
        guest.PlainJson.loads(b'{"value": {"__type__": "decimal", "value": "1.5"}}')


def decorated(**_options: object) -> object:
    return lambda function: function


@decorated(
    retries=3,
)
# a remark
@decorated()
def shown(value: int) -> str:
    return f"""
left of the function {value}
"""


def test_the_source_begins_at_the_def_and_knows_its_line() -> None:
    file, line, source = source_of(shown)
    assert file == __file__
    assert Path(__file__).read_text().splitlines()[line - 1] == "def shown(value: int) -> str:"
    assert source.startswith("def shown(value: int) -> str:\n")


def test_a_function_within_a_function_keeps_its_texts() -> None:
    def inner() -> str:
        return """
left of the function
"""

    _, line, source = source_of(inner)
    module: dict[str, object] = {}
    exec(compile("\n" * (line - 1) + source, __file__, "exec"), module)
    assert module["inner"]() == inner()  # type: ignore[operator]
    assert module["inner"].__code__.co_firstlineno == inner.__code__.co_firstlineno  # type: ignore[attr-defined]
