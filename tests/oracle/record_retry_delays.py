"""Record Airflow's delays between tries: run under an Airflow installation, nothing is started or stored.

    python tests/oracle/record_retry_delays.py > tests/oracle/retry_delays.json

Each row is [retry_delay s, retry_exponential_backoff, max_retry_delay s, dag_id, task_id, logical date, try number,
delay s].
"""

import itertools
import json
import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import airflow
from airflow.models.taskinstance import TaskInstance

DELAYS = (0, 0.5, 1, 30, 300)
FACTORS = (0, 1, 1.5, 2, 3, 10)
LONGEST = (45, 86400)
TRIES = (1, 2, 3, 7, 400)
RUNS = (
    ("sales", "load", datetime(2026, 3, 1, tzinfo=UTC)),
    ("sales", "group.load", datetime(2026, 3, 1, 12, 30, 15, 250000, tzinfo=UTC)),
    ("manual", "load", None),
)


def rows():
    ended_at = datetime(2026, 3, 2, tzinfo=UTC)
    for delay, factor, longest, run, try_number in itertools.product(DELAYS, FACTORS, LONGEST, RUNS, TRIES):
        dag_id, task_id, logical_date = run
        instance = SimpleNamespace(
            dag_id=dag_id,
            task_id=task_id,
            logical_date=logical_date,
            try_number=try_number,
            end_date=ended_at,
            retry_delay_override=None,
            log=SimpleNamespace(warning=lambda *args: None),
            task=SimpleNamespace(
                retry_delay=timedelta(seconds=delay),
                retry_exponential_backoff=factor,
                max_retry_delay=timedelta(seconds=longest),
            ),
        )
        seconds = (TaskInstance.next_retry_datetime(instance) - ended_at).total_seconds()
        date = logical_date.isoformat() if logical_date else None
        yield [delay, factor, longest, dag_id, task_id, date, try_number, seconds]


def main():
    lines = ",\n".join(json.dumps(row) for row in rows())
    sys.stdout.write(f'{{"airflow": {json.dumps(airflow.__version__)},\n"delays": [\n{lines}\n]}}\n')


main()
