"""What failed runs lead to: a DAG that fails again and again is paused."""

import logging
from datetime import datetime

from sailplane.cloud.wiring import Cloud
from sailplane.engine.journal import about
from sailplane.engine.memory import RunMemory
from sailplane.model.states import RunState

_log = logging.getLogger(__name__)


def pause_after_many(cloud: Cloud, run: RunMemory, now: datetime) -> None:
    """A run failed: pause its DAG if `max_consecutive_failed_dag_runs` says so. Reads the last so many runs."""
    limit = run.dag.max_consecutive_failed_dag_runs
    if not limit:
        return
    last = cloud.store.runs(run.key.dag_id, limit=limit)
    if len(last) < limit or any(each.state is not RunState.FAILED for each in last):
        return
    from sailplane.engine.runs import set_paused  # Late: it starts runs, and what starts runs comes here.

    set_paused(cloud, run.key.dag_id, True, now)
    _log.warning("DAG %s is paused: its last %d runs failed", run.key.dag_id, limit, extra=about(run.key))
