"""For all tests."""

import os
from collections.abc import Generator

import pytest

SKIPPING_FAILS = os.environ.get("CI", "").lower() in ("1", "true", "yes")
"""In CI nothing may be skipped unnoticed: what cannot run there says nothing."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if SKIPPING_FAILS and report.skipped:
        report.outcome, report.longrepr = "failed", f"skipped, which counts as failed in CI: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if SKIPPING_FAILS and report.skipped:
        report.outcome, report.longrepr = "failed", f"skipped, which counts as failed in CI: {report.longrepr}"
    return report
