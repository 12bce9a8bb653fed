"""Tasks as they should not be, each followed by one that has to run all the same; see `test_unruly_tasks.py`."""

import ctypes
import datetime
import decimal
import os
import resource
import signal
import subprocess
import sys
import time

from noted import note

from sailplane import DAG, task

MEBIBYTE = 1 << 20


class Odd:
    pass


def prints_100_megabytes():
    line = b"x" * 99 + b"\n"
    for _ in range(100):
        os.write(1, line * 10_486)
    print("the last line")
    return "printed"


def forks_children_that_outlive_it():
    left = subprocess.Popen(["sleep", "300"])
    daemon = subprocess.Popen(["sleep", "300"], start_new_session=True)
    left.returncode = daemon.returncode = 0
    return [left.pid, daemon.pid]


def returns_as_a_fork_too():
    return os.getpid() if os.fork() else "the copy"


def ignores_sigterm_and_its_timeout():
    for number in (signal.SIGTERM, signal.SIGALRM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    time.sleep(60)


def is_slower_than_its_timeout():
    time.sleep(60)


def leaves_by_os_exit():
    os._exit(3)


def leaves_by_os_exit_0():
    print("bye")
    os._exit(0)


def segfaults():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.string_at(0)


def is_killed():
    os.kill(os.getpid(), signal.SIGKILL)


def kills_its_group():
    os.killpg(0, signal.SIGKILL)


def returns_a_lambda():
    return {"rows": 3, "then": [lambda: 1]}


def returns_a_generator():
    return (number for number in range(3))


def returns_an_odd_object():
    return Odd()


def returns_itself():
    value = []
    value.append(value)
    return value


def pushes_an_odd_object(ti=None):
    ti.xcom_push("strange", Odd())


def returns_values_that_json_lacks():
    return {
        "decimal": decimal.Decimal("1.10"),
        "moment": datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC),
        "set": {1, 2},
        "bytes": b"\x00\xff",
        "nan": float("nan"),
        1: ("a", "tuple"),
    }


def returns_20_megabytes():
    return "v" * 20 * MEBIBYTE


def raises_with_a_huge_message():
    raise ValueError("m" * 5 * MEBIBYTE)


def raises_what_cannot_be_shown():
    class Unprintable(Exception):
        def __str__(self):
            raise RuntimeError("no text")

    raise Unprintable


def raises_a_group():
    raise ExceptionGroup("several", [ValueError("one"), KeyError("two")])


def raises_keyboard_interrupt():
    raise KeyboardInterrupt


def raises_system_exit():
    sys.exit(4)


def raises_generator_exit():
    raise GeneratorExit


def recurses_for_ever():
    return recurses_for_ever()


def closes_its_output():
    os.close(1)
    os.close(2)
    return "closed"


def closes_everything():
    os.closerange(0, 1000)
    time.sleep(30)


def writes_binary():
    os.write(1, bytes(range(256)) * 10 + b"\n")
    print("\ud800 half a pair", "\x00", "\x1b[31mred")
    return "\ud800\x00"


def takes_more_memory_than_it_may():
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
    return len(bytearray(8 << 30))


def changes_its_surroundings():
    os.environ.clear()
    os.chdir("/")
    sys.path.clear()
    sys.modules.pop("json", None)
    sys.stdout = sys.stderr = None


def replaces_builtins():
    import builtins

    builtins.print = builtins.len = builtins.isinstance = None


TASKS = {name: value for name, value in globals().items() if getattr(value, "__module__", "") == __name__}
del TASKS["Odd"]
TIMEOUT = datetime.timedelta(seconds=0.5)


def with_note(name, function):
    def noted(ti=None):
        note(ti)
        return function(ti) if "ti" in function.__code__.co_varnames[: function.__code__.co_argcount] else function()

    noted.__name__ = name
    return noted


@task(trigger_rule="all_done")
def next_one(ti=None):
    note(ti)


for _name, _function in TASKS.items():
    with DAG(f"unruly_{_name}", schedule=None):
        _limit = {"execution_timeout": TIMEOUT} if "timeout" in _name else {}
        task(task_id="unruly", **_limit)(with_note(_name, _function))() >> next_one()
