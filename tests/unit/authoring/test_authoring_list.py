"""docs/authoring.md has a row for each construct, with a link that leads somewhere and a test that is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
ROWS = re.findall(
    r"^\| (\w+) \| (.*?) \| \[.*?\]\((.*?)\) \| (?:`(\w+)`)? ?\|$", (DOCS / "authoring.md").read_text(), re.M
)
COUNTS = {"D": 24, "T": 25, "A": 29, "X": 14, "S": 9, "W": 10}
BEYOND = ["C10", "Q12", "Q13", "Q16", "Q19", "Q32"]
NOT_THERE = {"A18", "A29"}
"""What no test holds, as it is not built: the page says why."""


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_there_is_a_row_for_each_construct_in_order() -> None:
    wanted = [f"{letter}{number}" for letter, count in COUNTS.items() for number in range(1, count + 1)]
    assert [row[0] for row in ROWS] == wanted + BEYOND


def test_every_link_leads_to_a_section() -> None:
    for id_, _, link, _ in ROWS:
        page, _, anchor = link.partition("#")
        assert (DOCS / page).is_file(), (id_, link)
        assert not anchor or anchor in anchors(DOCS / page), (id_, link)


def test_every_named_test_is_there() -> None:
    there = {path.stem for path in (ROOT / "tests").rglob("test_*.py")}
    assert {row[3] for row in ROWS if row[3]} <= there
    assert {row[0] for row in ROWS if not row[3]} == NOT_THERE


def test_the_links_between_the_pages_on_authoring_lead_somewhere() -> None:
    for page in ("authoring", "callbacks", "dags", "params", "schedules", "taskflow", "templates", "xcoms"):
        for link in re.findall(r"\]\(([^)]+)\)", (DOCS / f"{page}.md").read_text()):
            file, _, anchor = link.partition("#")
            target = DOCS / (file or f"{page}.md")
            assert target.exists(), (page, link)
            assert not anchor or anchor in anchors(target), (page, link)
