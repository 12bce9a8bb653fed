"""Large mapped tasks are counted block by block before they are counted whole.

Who ends an instance asks first how many of its block of a thousand have ended, which costs one read. Unless all have,
another one of the block ends later and looks again; so only the last of each block counts all instances, and the last
of all finds every block complete.
"""

from collections.abc import Sequence

from sailplane.cloud.wiring import Cloud
from sailplane.engine.looking import Sight, feeding
from sailplane.engine.memory import RunMemory
from sailplane.model.ids import UNMAPPED, TaskKey
from sailplane.planner import joins
from sailplane.planner.plan import Look
from sailplane.planner.wiring import wiring


def worthwhile(
    cloud: Cloud, run: RunMemory, ended: Sequence[TaskKey], looks: Sequence[Look], sight: Sight
) -> Sequence[Look]:
    """Those of `looks` that may find something out after the commit of `ended`: not the counts that fall short."""
    return [each for each in looks if not _falls_short(cloud, run, ended, each, sight)]


def all_open(cloud: Cloud, run: RunMemory, ended: Sequence[TaskKey], sight: Sight) -> bool:
    """True when each of `ended` is one of a large mapped task's instances whose block has not ended."""
    return bool(ended) and all(_is_open(cloud, run, key, sight) for key in ended)


def _falls_short(cloud: Cloud, run: RunMemory, ended: Sequence[TaskKey], look: Look, sight: Sight) -> bool:
    """True when `look` counts what all of `ended` that lead to it belong to, and the blocks of these have not ended."""
    if not look.counted and not any(measure.instances for measure in look.measures):
        return False
    nodes = wiring(run.dag).nodes
    near = nodes[look.task_id].near
    led = [key for key in ended if any(each.key.task_id == look.task_id for each in nodes[key.task_id].dependents)]
    return all(key.task_id not in near for key in led) and all_open(cloud, run, led, sight)


def _is_open(cloud: Cloud, run: RunMemory, key: TaskKey, sight: Sight) -> bool:
    size = run.sizes.get(run.dag.mapped_by.get(key.task_id, ""), 0)
    if size <= joins.BLOCK or key.map_index == UNMAPPED:
        return False
    label = joins.block(key.task_id, key.map_index)
    if label not in sight.blocks:
        ended = feeding(cloud, run, label)
        sight.blocks[label] = ended < joins.block_size(key.map_index, size)
    return sight.blocks[label]
