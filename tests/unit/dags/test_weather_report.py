"""The numbers of the example report, against values worked out apart from it (with awk, over the same file)."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from sailplane.authoring.dag import DAG
from sailplane.operators.python import PythonOperator

DAGS = Path(__file__).parents[3] / "dags"
SVG = "{http://www.w3.org/2000/svg}"
YEARS = {
    # year: days, mean max, mean min, precipitation, wet days
    "2012": (366, 15.28, 7.29, 1226.0, 177),
    "2013": (365, 16.06, 8.15, 828.0, 152),
    "2014": (365, 17.00, 8.66, 1232.8, 150),
    "2015": (365, 17.43, 8.84, 1139.2, 144),
}
MONTHS = (
    # name, mean max, mean min, precipitation and wet days a month
    ("Jan", 8.23, 2.70, 116.50, 16.50),
    ("Feb", 9.86, 4.05, 105.50, 18.25),
    ("Mar", 12.39, 4.86, 151.55, 18.25),
    ("Apr", 15.02, 6.36, 93.85, 14.75),
    ("May", 19.30, 9.61, 51.88, 8.50),
    ("Jun", 22.40, 12.24, 33.22, 9.25),
    ("Jul", 26.00, 14.20, 12.05, 2.75),
    ("Aug", 26.11, 14.77, 40.92, 5.50),
    ("Sep", 21.92, 12.36, 58.88, 8.75),
    ("Oct", 16.39, 9.35, 125.85, 15.25),
    ("Nov", 11.02, 4.70, 160.63, 17.75),
    ("Dec", 8.19, 3.32, 155.67, 20.25),
)
ROUNDING = 0.011

Row = Mapping[str, Any]


@pytest.fixture(scope="module")
def dag(examples: Mapping[str, DAG]) -> DAG:
    return examples["weather_report"]


def call(dag: DAG, task_id: str, *arguments: Any) -> Any:
    """What the function of a task returns."""
    task = dag.get_task(task_id)
    assert isinstance(task, PythonOperator)
    return task.python_callable(*arguments)


def globals_of(dag: DAG) -> Mapping[str, Any]:
    """The names in the DAG's file."""
    task = dag.get_task("write_report")
    assert isinstance(task, PythonOperator)
    return task.python_callable.__globals__


@pytest.fixture(scope="module")
def days() -> Sequence[Row]:
    with (DAGS / "data" / "seattle-weather.csv").open() as file:
        rows = list(csv.DictReader(file))
    numbers = ("precipitation", "temp_max", "temp_min", "wind")
    return [{**row, **{name: float(row[name]) for name in numbers}} for row in rows]


@pytest.fixture(scope="module")
def summary(dag: DAG, days: Sequence[Row]) -> Row:
    found: Row = call(dag, "summarize", days, call(dag, "by_year", days), call(dag, "by_month", days))
    return found


def test_the_years_have_the_true_figures(summary: Row) -> None:
    assert set(summary["years"]) == set(YEARS)
    for year, (count, highs, lows, rain, wet) in YEARS.items():
        found = summary["years"][year]
        assert (found["days"], found["wet_days"]) == (count, wet)
        assert found["temp_max_mean"] == pytest.approx(highs, abs=ROUNDING)
        assert found["temp_min_mean"] == pytest.approx(lows, abs=ROUNDING)
        assert found["precipitation_total"] == pytest.approx(rain, abs=0.05)


def test_the_months_have_the_true_means(summary: Row) -> None:
    assert [month["name"] for month in summary["months"]] == [month[0] for month in MONTHS]
    for found, (_, highs, lows, rain, wet) in zip(summary["months"], MONTHS, strict=True):
        assert found["temp_max_mean"] == pytest.approx(highs, abs=ROUNDING)
        assert found["temp_min_mean"] == pytest.approx(lows, abs=ROUNDING)
        assert found["precipitation_mean"] == pytest.approx(rain, abs=ROUNDING)
        assert found["wet_days_mean"] == pytest.approx(wet, abs=ROUNDING)


def test_the_extremes_are_those_of_the_file(summary: Row) -> None:
    assert (summary["first_day"], summary["last_day"]) == ("2012-01-01", "2015-12-31")
    assert summary["total"]["hottest"] == {"date": "2014-08-11", "temp_max": 35.6}
    assert summary["total"]["wettest"] == {"date": "2015-03-15", "precipitation": 55.9}
    assert summary["total"]["wet_days"] == 623


def test_the_report_names_every_year_and_month_and_its_chart(dag: DAG, summary: Row) -> None:
    report: str = globals_of(dag)["markdown"](summary)
    assert "1,461 days, 623 of them wet" in report
    assert "](chart.svg)" in report
    for year in YEARS:
        assert f"| {year} |" in report
    for month in MONTHS:
        assert f"| {month[0]} |" in report


def chart(dag: DAG, summary: Row) -> ElementTree.Element:
    return ElementTree.fromstring(globals_of(dag)["monthly_chart"](summary["months"], "Rain & shine"))


def test_the_chart_is_well_formed_and_says_what_it_shows(dag: DAG, summary: Row) -> None:
    drawn = chart(dag, summary)
    texts = [element.text for element in drawn.iter(f"{SVG}text")]
    assert drawn.findtext(f"{SVG}title") == "Rain & shine"
    for wanted in (
        "Rain & shine",
        "Temperature (°C)",
        "Precipitation (mm a month)",
        "mean daily maximum",
        "Jan",
        "Dec",
    ):
        assert wanted in texts


def test_the_bars_are_as_high_as_the_axis_says(dag: DAG, summary: Row) -> None:
    drawn = chart(dag, summary)
    ticks = {
        float(element.text or ""): float(element.get("y", "")) - 4.5
        for element in drawn.iter(f"{SVG}text")
        if element.get("text-anchor") == "start" and (element.text or "").isdecimal()
    }
    pixels = (ticks[0] - ticks[180]) / 180
    bars = [bar for bar in drawn.iter(f"{SVG}rect") if bar.find(f"{SVG}title") is not None]
    heights = [float(bar.get("height", "")) / pixels for bar in bars]
    assert heights == pytest.approx([month[3] for month in MONTHS], abs=0.1)


def test_the_lines_are_where_the_axis_says(dag: DAG, summary: Row) -> None:
    drawn = chart(dag, summary)
    ticks = {
        float(element.text or ""): float(element.get("y", "")) - 4.5
        for element in drawn.iter(f"{SVG}text")
        if element.get("text-anchor") == "end"
    }
    pixels = (ticks[0] - ticks[30]) / 30
    highs, lows = (line.get("points", "").split() for line in drawn.iter(f"{SVG}polyline"))
    for points, column in ((highs, 1), (lows, 2)):
        values = [(ticks[0] - float(point.split(",")[1])) / pixels for point in points]
        assert values == pytest.approx([month[column] for month in MONTHS], abs=0.1)


def test_freezing_months_are_drawn_inside_the_axes(dag: DAG, summary: Row) -> None:
    cold = [{**month, "temp_min_mean": month["temp_min_mean"] - 17} for month in summary["months"]]
    drawn = ElementTree.fromstring(globals_of(dag)["monthly_chart"](cold, "Cold"))
    grid = [float(line.get("y1", "")) for line in drawn.iter(f"{SVG}line") if line.get("x1") == "70"]
    for line in drawn.iter(f"{SVG}polyline"):
        heights = [float(point.split(",")[1]) for point in line.get("points", "").split()]
        assert min(grid) <= min(heights)
        assert max(heights) <= max(grid)


def test_the_two_aggregations_run_side_by_side_and_the_join_waits_for_both(dag: DAG) -> None:
    assert dag.get_task("by_year").upstream_task_ids == {"parse"}
    assert dag.get_task("by_month").upstream_task_ids == {"parse"}
    assert dag.get_task("summarize").upstream_task_ids == {"parse", "by_year", "by_month"}
    assert dag.get_task("write_report").upstream_task_ids == {"summarize"}
