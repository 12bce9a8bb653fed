"""Measures Sailplane on this machine: `python benchmarks/run.py --help`.

Starts a fresh `sailplane standalone` on a temporary home, with all its real processes, triggers the DAGs of
`benchmarks/dags` over the REST API, prints Markdown tables and writes JSON.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import coldstart
import footprint
from report import LETTERS, Report
from scenarios import SCENARIOS, Stage
from standalone_process import BenchmarkError, StandaloneProcess


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    # An exception, so that what was started is stopped on the way out.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))
    report = Report(repeats=options.repeats)
    report.load.append(os.getloadavg()[0])
    try:
        with tempfile.TemporaryDirectory(prefix="sailplane-benchmark-", ignore_cleanup_errors=True) as folder:
            _measure(Path(folder), options, report)
    except BenchmarkError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    report.load.append(os.getloadavg()[0])
    if options.json:
        options.json.write_text(json.dumps(report.as_json(), indent=2) + "\n")
    print(report.as_markdown())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks/run.py", description="Measure Sailplane on this machine.")
    parser.add_argument("--only", type=_letters, default=LETTERS, metavar="A,B,...", help="which scenarios; all of A-G")
    parser.add_argument("--repeats", type=int, default=7, help="measurements of each, after one to warm up")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write everything as JSON")
    parser.add_argument("--idle-seconds", type=float, default=60.0, help="the window of E; a tick comes every 60 s")
    return parser


def _letters(text: str) -> str:
    letters = "".join(part.strip().upper() for part in text.split(","))
    if not letters or set(letters) - set(LETTERS):
        raise argparse.ArgumentTypeError(f"{text!r} must name some of {','.join(LETTERS)}")
    return letters


def _measure(folder: Path, options: argparse.Namespace, report: Report) -> None:
    if set(options.only) - {"F"}:
        with StandaloneProcess(folder / "home") as standalone:
            standalone.wait_until_ready()
            _measure_running(standalone, options, report)
    if "F" in options.only:
        _say("F cold starts")
        report.cold = coldstart.measure(folder, options.repeats)


def _measure_running(standalone: StandaloneProcess, options: argparse.Namespace, report: Report) -> None:
    stage = Stage(standalone)
    for scenario in SCENARIOS:
        if scenario.letter in options.only:
            _say(f"{scenario.letter} {scenario.title}")
            report.results[scenario.letter] = stage.measure(scenario, options.repeats)
    stage.close()
    if "E" in options.only:
        _say(f"E idle for {options.idle_seconds:g} s")
        report.footprint = footprint.measure(standalone, options.idle_seconds)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
