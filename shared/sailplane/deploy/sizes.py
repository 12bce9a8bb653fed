"""Which CPU and memory Cloud Run gives together, so that a wrong pair is told before anything is built."""

from sailplane.deploy.tables import Table

_CPUS = (1.0, 2.0, 4.0, 6.0, 8.0)
_LEAST_CPU = 0.08
_MOST_MEMORY = 32 * 1024
_CPU_FOR_MORE_THAN = ((24 * 1024, 8.0), (16 * 1024, 6.0), (8 * 1024, 4.0), (4 * 1024, 2.0), (1024, 1.0), (512, 0.5))
"""MiB, and the CPUs that more than that needs."""
_MEMORY_FOR = {4.0: 2 * 1024, 6.0: 4 * 1024, 8.0: 4 * 1024}
"""CPUs, and the MiB that they need."""


def mebibytes(memory: str) -> int:
    """`512Mi` or `2Gi` as a number."""
    return int(memory[:-2]) * (1024 if memory.endswith("Gi") else 1)


def check(table: Table, cpu: float, memory: str, *, least_cpu: float, why: str) -> None:
    """Raises `SettingsError` about the key `cpu` of `table` when Cloud Run would refuse it."""
    wrong = problem(cpu, memory)
    if cpu < least_cpu:
        wrong = f"= {cpu:g} must be {least_cpu:g} or more for {why}"
    if wrong is not None:
        raise table.error("cpu", f"{wrong} (a rule of Cloud Run)")


def problem(cpu: float, memory: str) -> str | None:
    """What is wrong with `cpu` for `memory` by the rules of Cloud Run; None when nothing is."""
    if cpu < _LEAST_CPU or (cpu > 1 and cpu not in _CPUS):
        return f"= {cpu:g} must be 1, 2, 4, 6, 8, or between {_LEAST_CPU} and 1"
    size = mebibytes(memory)
    if size > _MOST_MEMORY:
        return f"= {cpu:g}: memory is {memory}, and 32Gi is the most"
    least_cpu = next((cpus for more_than, cpus in _CPU_FOR_MORE_THAN if size > more_than), _LEAST_CPU)
    if cpu < least_cpu:
        return f"= {cpu:g} is too little for {memory} of memory, which needs {least_cpu:g}"
    least = _MEMORY_FOR.get(cpu, 0)
    if size < least:
        return f"= {cpu:g} needs {least // 1024}Gi of memory, and {memory} is given"
    return None
