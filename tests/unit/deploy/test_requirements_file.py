"""Reading `requirements.txt`."""

from pathlib import Path

import pytest

from sailplane.deploy.requirements_file import parse_requirements, read_requirements
from sailplane.model.errors import SettingsError


def read(folder: Path, text: str, **others: str) -> tuple[str, ...]:
    for name, content in others.items():
        (folder / f"{name}.txt").write_text(content)
    file = folder / "requirements.txt"
    file.write_text(text)
    return read_requirements(file)


def test_comments_and_empty_lines_say_nothing_and_long_lines_go_on(tmp_path: Path) -> None:
    text = "# all of them\n\npandas>=2,\\\n  <4  # tables\n  numpy\n"
    assert read(tmp_path, text) == ("pandas>=2, <4", "numpy")


def test_included_files_are_read_in_place(tmp_path: Path) -> None:
    assert read(tmp_path, "a\n-r base.txt\n--requirement=more.txt\n", base="b==1\n", more="c\n") == ("a", "b==1", "c")


def test_options_are_told_from_requirements(tmp_path: Path) -> None:
    lines = read(tmp_path, "--extra-index-url https://example.org/simple\npandas\n")
    wanted = parse_requirements(lines)
    assert wanted.options == ("--extra-index-url https://example.org/simple",)
    assert [str(each) for each in wanted.requirements] == ["pandas"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("pandas = 2", r"requirements\.txt, line 2: 'pandas = 2' is no requirement"),
        ("./mine", "lies on this machine"),
        ("../mine-1.0-py3-none-any.whl", "lies on this machine"),
        ("-e .", "lies on this machine"),
        ("mine @ file:///home/ada/mine", "lies on this machine"),
        ("-c constraints.txt", "names a constraints file"),
        ("pandas==2.2 --hash=sha256:00", "pandas==2.2 has a --hash"),
        ("--target lib", "an option that the build does not know"),
        ("git+https://example.org/mine.git", "write 'NAME @ URL'"),
        ("-r missing.txt", r"missing\.txt cannot be read"),
        ("-r requirements.txt", "includes itself"),
    ],
)
def test_what_a_build_elsewhere_cannot_follow_is_an_error(tmp_path: Path, line: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        read(tmp_path, f"numpy\n{line}\n")


def test_a_url_of_a_repository_is_a_requirement(tmp_path: Path) -> None:
    assert read(tmp_path, "mine @ git+https://example.org/mine.git@v1\n") == (
        "mine @ git+https://example.org/mine.git@v1",
    )
