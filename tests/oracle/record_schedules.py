"""Record what Airflow's timetables say: run under an Airflow installation, nothing is started or stored.

    python tests/oracle/record_schedules.py > tests/oracle/schedules.json

`next` has one row per question: [schedule, start date, end date, catchup, now, runs], where `runs` are up to four runs
in a row as [run after, data interval start, data interval end], asked for at the same `now`. `walks` are longer rows of
times across changes of the clock ("error" where the timetable raises), and `manual` are data intervals of runs
triggered by hand. A schedule is [kind, cron line or lines, moments or seconds, time zone], and may have the timetable's
other arguments as a fourth part, times in seconds.
"""

import json
import sys
from datetime import timedelta

import airflow
import pendulum
from airflow.timetables import events, interval, simple, trigger
from airflow.timetables.base import DataInterval, TimeRestriction

CRONS = (
    ["0 0 * * *", "UTC"],
    ["*/15 * * * *", "UTC"],
    ["30 2 * * *", "Europe/Zurich"],
    ["0 6 * * 1-5", "America/New_York"],
    ["0 0 1 */3 *", "Asia/Kolkata"],
    ["0 0 13 * 5", "UTC"],
    ["15 10 * * * 30", "UTC"],
)
CHANGES = (
    ["30 2 * * *", "Europe/Zurich"],
    ["0 * * * *", "Europe/Zurich"],
    ["*/30 * * * *", "Europe/Zurich"],
    ["0 */2 * * *", "Europe/Zurich"],
    ["15 2,3 * * *", "America/New_York"],
    ["0 0 * * *", "America/Havana"],
    ["*/20 * * * *", "Australia/Lord_Howe"],
    ["45 1 * * *", "Australia/Lord_Howe"],
)
CHANGES_FROM = ("2026-03-07T00:00Z", "2026-03-28T20:00Z", "2026-04-04T12:00Z", "2026-10-03T12:00Z", "2026-10-24T20:00Z")
NOWS = ("2026-05-20T12:00:00Z", "2026-05-20T00:02:11.5Z")
STARTS = (None, "2026-05-18T00:00:00Z", "2026-05-17T13:41:07Z", "2026-06-01T00:00:00Z")
OPTIONS = ({"interval": 3600}, {"run_immediately": True}, {"run_immediately": 3600}, {"run_immediately": 60 * 60 * 13})
EVENTS = ["2026-05-18T06:00:00Z", "2026-05-19T18:30:00Z", "2026-05-20T12:00:00Z", "2026-07-01T00:00:00Z"]
DELTAS = (86400, 5400, 604800)
ENDS = (None, "2026-05-20T00:00:00Z")


def schedules():
    for cron, zone in CRONS:
        yield ["cron", cron, zone]
        yield ["cron_interval", cron, zone]
    for seconds in DELTAS:
        yield ["delta", seconds, "UTC"]
        yield ["delta_interval", seconds, "UTC"]
    for options in OPTIONS:
        yield ["cron", "0 0 * * *", "UTC", options]
        yield ["multiple_cron", ["0 0 * * *", "0 6 * * 1-5"], "UTC", options]
    yield ["delta", 86400, "UTC", {"interval": 3600}]
    for lines in (["0 0 * * *", "30 */6 * * *"], ["0 0 1 * *", "0 12 * * *", "15 10 13 * 5"], ["0 0 * * *"]):
        yield ["multiple_cron", lines, "Europe/Zurich"]
    for moments in (EVENTS, EVENTS[:1], EVENTS[3:], []):
        yield ["events", moments, "UTC", {"restrict_to_events": True}]
        yield ["events", moments, "UTC"]
    yield from (["once", None, "UTC"], ["continuous", None, "UTC"], ["none", None, "UTC"])


def timetable(schedule):
    kind, value, zone, options = [*schedule, {}][:4]
    seconds = {name: timedelta(seconds=each) for name, each in options.items() if not isinstance(each, bool)}
    if kind == "events":
        return events.EventsTimetable([pendulum.parse(each) for each in value], **options)
    if kind == "multiple_cron":
        return trigger.MultipleCronTriggerTimetable(*value, timezone=zone, **{**options, **seconds})
    if options:
        where = {"timezone": pendulum.timezone(zone)} if kind == "cron" else {}
        made = trigger.CronTriggerTimetable if kind == "cron" else trigger.DeltaTriggerTimetable
        first = value if kind == "cron" else timedelta(seconds=value)
        return made(first, **where, **{**options, **seconds})
    if kind in ("cron", "cron_interval"):
        made = trigger.CronTriggerTimetable if kind == "cron" else interval.CronDataIntervalTimetable
        return made(value, timezone=pendulum.timezone(zone))
    if kind in ("delta", "delta_interval"):
        made = trigger.DeltaTriggerTimetable if kind == "delta" else interval.DeltaDataIntervalTimetable
        return made(timedelta(seconds=value))
    return {
        "once": simple.OnceTimetable,
        "continuous": simple.ContinuousTimetable,
        "none": simple.NullTimetable,
    }[kind]()


def set_now(now):
    trigger.utcnow = interval.utcnow = simple.timezone.utcnow = events.timezone.utcnow = lambda: now
    trigger.time.time = now.timestamp


def instant(text):
    return None if text is None else pendulum.parse(text)


def written(moment):
    return moment.in_timezone("UTC").isoformat()


def runs(schedule, start, end, catchup, number):
    made, last, found = timetable(schedule), None, []
    for _ in range(number):
        restriction = TimeRestriction(earliest=instant(start), latest=instant(end), catchup=catchup)
        try:
            info = made.next_dagrun_info(last_automated_data_interval=last, restriction=restriction)
        except ValueError:
            return [*found, "error"]
        if info is None:
            return [*found, None]
        last = DataInterval(info.data_interval.start, info.data_interval.end)
        found.append([written(info.run_after), written(last.start), written(last.end)])
    return found


def next_rows():
    for schedule in schedules():
        for now in NOWS:
            set_now(instant(now))
            for start in STARTS:
                for end in ENDS:
                    for catchup in (True, False):
                        yield [schedule, start, end, catchup, now, runs(schedule, start, end, catchup, 4)]


def due(run):
    return run if run == "error" else run[0]


def walk_rows():
    set_now(instant("2027-01-01T00:00Z"))
    for cron, zone in CHANGES:
        for kind in ("cron", "cron_interval"):
            for start in CHANGES_FROM:
                yield [[kind, cron, zone], start, [due(run) for run in runs([kind, cron, zone], start, None, True, 12)]]


def manual_rows():
    for schedule in schedules():
        for now in (*NOWS, "2026-03-29T01:30:00Z", "2026-10-25T01:15:00Z"):
            found = timetable(schedule).infer_manual_data_interval(run_after=instant(now))
            yield [schedule, now, written(found.start), written(found.end)]


def table(name, rows):
    return f"{json.dumps(name)}: [\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]"


def main():
    tables = [table("next", next_rows()), table("walks", walk_rows()), table("manual", manual_rows())]
    sys.stdout.write("{" + ",\n".join([f'"airflow": {json.dumps(airflow.__version__)}', *tables]) + "}\n")


main()
