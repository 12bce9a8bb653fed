"""Turns a file of daily weather observations into a report, as soon as the file is there.

    wait_for_data -> parse -> by_year  -> summarize -> write_report
                           -> by_month ->

`sailplane demo` flies this DAG and brings the file. By hand: put `data/seattle-weather.csv` into the bucket under the
name that the parameter `source` says, and trigger the DAG.
"""

import csv
import io
import json
import os
from collections import Counter, defaultdict
from datetime import timedelta

from sailplane import DAG, GCSHook, GCSObjectExistenceSensor, Param, task
from weather_chart import MONTHS, monthly_chart

# Sailplane tells every task the name of the deployment's bucket.
BUCKET = os.environ.get("SAILPLANE_BUCKET", "sailplane")


def mean(values):
    return sum(values) / len(values)


def figures(days):
    """What is true of some days taken together. Precipitation in mm, temperatures in deg C, wind in m/s."""
    hottest = max(days, key=lambda day: day["temp_max"])
    wettest = max(days, key=lambda day: day["precipitation"])
    return {
        "days": len(days),
        "temp_max_mean": round(mean([day["temp_max"] for day in days]), 2),
        "temp_min_mean": round(mean([day["temp_min"] for day in days]), 2),
        "precipitation_total": round(sum(day["precipitation"] for day in days), 1),
        "wet_days": sum(day["precipitation"] > 0 for day in days),
        "wind_mean": round(mean([day["wind"] for day in days]), 2),
        "hottest": {"date": hottest["date"], "temp_max": hottest["temp_max"]},
        "wettest": {"date": wettest["date"], "precipitation": wettest["precipitation"]},
        "kinds": dict(Counter(day["weather"] for day in days).most_common()),
    }


def grouped(days, key):
    groups = defaultdict(list)
    for day in days:
        groups[key(day["date"])].append(day)
    return {name: groups[name] for name in sorted(groups)}


def markdown(summary):
    """The report's text. Its chart is a file beside it."""
    total = summary["total"]
    lines = [
        f"# Seattle weather, {summary['first_day']} to {summary['last_day']}",
        "",
        f"{total['days']:,} days, {total['wet_days']:,} of them wet. "
        f"Hottest: {total['hottest']['date']} with {total['hottest']['temp_max']} °C. "
        f"Wettest: {total['wettest']['date']} with {total['wettest']['precipitation']} mm.",
        "",
        "![Mean temperatures and precipitation by month](chart.svg)",
        "",
        "## By year",
        "",
        "| year | mean max °C | mean min °C | precipitation mm | wet days | hottest day |",
        "|---|---:|---:|---:|---:|---|",
    ]
    for year, row in summary["years"].items():
        lines.append(
            f"| {year} | {row['temp_max_mean']:.1f} | {row['temp_min_mean']:.1f} | {row['precipitation_total']:.1f} "
            f"| {row['wet_days']} | {row['hottest']['date']}, {row['hottest']['temp_max']} °C |"
        )
    lines += [
        "",
        "## By month, over all years",
        "",
        "| month | mean max °C | mean min °C | precipitation mm a month | wet days a month |",
        "|---|---:|---:|---:|---:|",
    ]
    for month in summary["months"]:
        lines.append(
            f"| {month['name']} | {month['temp_max_mean']:.1f} | {month['temp_min_mean']:.1f} "
            f"| {month['precipitation_mean']:.1f} | {month['wet_days_mean']:.1f} |"
        )
    return "\n".join([*lines, ""])


with DAG(
    "weather_report",
    description="A Markdown report with a chart from daily weather observations",
    schedule=None,  # Only by hand: `sailplane dags trigger weather_report`.
    tags=["example"],
    params={
        "source": Param("incoming/seattle-weather.csv", type="string", description="Object with the observations"),
        "target": Param("reports/seattle-weather", type="string", description="Folder for what is written"),
    },
    default_args={"retries": 2, "retry_delay": timedelta(seconds=5)},
    doc_md=__doc__,
):
    # In mode `reschedule` the task gives its place back between two looks: waiting costs nothing. The notification of
    # the bucket ends the wait at once; `poke_interval` is for the day on which one gets lost.
    wait_for_data = GCSObjectExistenceSensor(
        task_id="wait_for_data",
        bucket=BUCKET,
        object="{{ params.source }}",
        mode="reschedule",
        poke_interval=timedelta(seconds=30),
        timeout=timedelta(hours=1),
    )

    @task
    def parse(params):
        """The rows as numbers. Together over 48 KB: such a result goes to the bucket by itself, nothing to set."""
        text = GCSHook().download(BUCKET, params["source"]).decode()
        numbers = ("precipitation", "temp_max", "temp_min", "wind")
        days = [{**row, **{name: float(row[name]) for name in numbers}} for row in csv.DictReader(io.StringIO(text))]
        print(f"{len(days)} days, {days[0]['date']} to {days[-1]['date']}")
        return days

    # The next two need only `parse`, so they run side by side.
    @task
    def by_year(days):
        return {year: figures(group) for year, group in grouped(days, lambda date: date[:4]).items()}

    @task
    def by_month(days):
        """Each calendar month, as it was in the mean of the years."""
        months = []
        for number, group in grouped(days, lambda date: date[5:7]).items():
            years = len({day["date"][:4] for day in group})
            month = figures(group)
            months.append(
                {
                    "name": MONTHS[int(number) - 1],
                    "temp_max_mean": month["temp_max_mean"],
                    "temp_min_mean": month["temp_min_mean"],
                    "precipitation_mean": round(month["precipitation_total"] / years, 2),
                    "wet_days_mean": round(month["wet_days"] / years, 2),
                }
            )
        return months

    # Takes what both return, so it starts when both have ended.
    @task
    def summarize(days, years, months):
        return {
            "first_day": days[0]["date"],
            "last_day": days[-1]["date"],
            "total": figures(days),
            "years": years,
            "months": months,
        }

    @task
    def write_report(summary, params):
        period = f"{summary['first_day'][:4]} to {summary['last_day'][:4]}"
        files = {
            "report.md": (markdown(summary), "text/markdown; charset=utf-8"),
            "chart.svg": (monthly_chart(summary["months"], f"Seattle by month, {period}"), "image/svg+xml"),
            "summary.json": (json.dumps(summary, indent=2), "application/json"),
        }
        hook = GCSHook()
        for name, (text, kind) in files.items():
            hook.upload(BUCKET, f"{params['target']}/{name}", data=text, mime_type=kind)
            print(f"wrote gs://{BUCKET}/{params['target']}/{name}")

    days = parse()
    wait_for_data >> days
    write_report(summarize(days, by_year(days), by_month(days)))
