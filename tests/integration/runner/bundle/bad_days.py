"""Tasks as they should not be, and a few good ones. See `plain_authoring` for the form."""

import ctypes
import logging
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
import warnings


def variables(services, job):
    return [services.variable("city"), services.variable("none"), services.connection("web")]


def xcom(services, job):
    from sailplane.model.execution import XComRef

    return services.xcom(XComRef(task_id="extract", map_index=3))


def broken_variable(services, job):
    try:
        services.variable("broken")
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def variables_from_threads(services, job):
    threads = [threading.Thread(target=services.variable, args=("city",)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return services.variable("city")


def speak(services, job):
    print("first")
    logging.getLogger("my.logger").warning("second %d", 2)
    print("no end", end="")
    try:
        1 / 0  # noqa: B018
    except ZeroDivisionError:
        logging.exception("third")
    subprocess.run(["sh", "-c", "echo fourth"], check=True)
    print("last without end", end="")


def speak_to_stderr(services, job):
    print("to stderr", file=sys.stderr)
    subprocess.run(["sh", "-c", "echo also >&2"], check=True)


def warn(services, job):
    warnings.warn("old ways", stacklevel=1)


def speak_bytes(services, job):
    os.write(1, b"caf\xc3\xa9 \xff\xfe bad\n\xc3")


def print_much(services, job):
    line = "x" * 99 + "\n"
    for _ in range(100):
        sys.stdout.write(line * 10_000)
    return "done"


def print_long_line(services, job):
    os.write(1, "ä".encode() * 100_000)


def print_in_c(services, job):
    ctypes.CDLL(None).printf(b"from C\n")


def exit_now(services, job):
    os._exit(3)


def exit_zero(services, job):
    os._exit(0)


def system_exit(services, job):
    sys.exit(4)


def segfault(services, job):
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.string_at(0)


def kill_self(services, job):
    os.kill(os.getpid(), signal.SIGKILL)


def kill_template(services, job):
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(30)


def end_self(services, job):
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(30)


def raise_what_utf_8_cannot_hold(services, job):
    logging.error("no \udcff")
    print("no \udcff")
    raise ValueError("no \udcff")


def limit_files(services, job):
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))


def no_memory(services, job):
    raise MemoryError("too much")


def pid(services, job):
    return os.getpid()


def fork_and_return(services, job):
    return "copy" if os.fork() == 0 else "original"


def fork_and_ask(services, job):
    reader, writer = os.pipe()
    if os.fork() == 0:
        try:
            services.variable("city")
        except Exception as error:
            os.write(writer, type(error).__name__.encode())
        os._exit(0)
    os.close(writer)
    os.wait()
    return [os.read(reader, 100).decode(), services.variable("city")]


def leave_process(services, job):
    process = subprocess.Popen(["sleep", "300"])
    process.returncode = 0
    return process.pid


def leave_process_and_crash(services, job):
    process = subprocess.Popen(["sleep", "300"])
    print(process.pid)
    os._exit(1)


def leave_daemon_and_crash(services, job):
    process = subprocess.Popen(["sleep", "300"], start_new_session=True)
    print(process.pid)
    os._exit(1)


def leave_daemon(services, job):
    process = subprocess.Popen(["sh", "-c", "(sleep 300)& echo $!"], start_new_session=True, stdout=subprocess.PIPE)
    return int(process.stdout.readline())


def leave_thread(services, job):
    threading.Thread(target=time.sleep, args=(300,)).start()
    return os.getpid()


def leave_asking_thread(services, job):
    def ask():
        while True:
            try:
                services.variable("city")
            except Exception:
                time.sleep(0.0001)

    threading.Thread(target=ask, daemon=True).start()
    time.sleep(0.02)
    return os.getpid()


def close_all(services, job):
    os.closerange(3, 100)
    time.sleep(30)


def close_all_and_end(services, job):
    os.closerange(3, 100)


def close_output(services, job):
    os.close(1)
    os.close(2)
    return os.getpid()


def _control():
    for name in os.listdir("/proc/self/fd"):
        target = os.readlink(f"/proc/self/fd/{name}") if os.path.exists(f"/proc/self/fd/{name}") else ""
        if target.startswith("socket:"):
            return int(name)
    raise AssertionError("no socket")


def flood_control(services, job):
    data = b"garbage without an end " * 1000
    while True:
        os.write(_control(), data)


def write_rubbish(services, job):
    os.write(_control(), b"rubbish\n")
    time.sleep(30)


def sleep(services, job):
    print("sleeping", os.getpid())
    time.sleep(30)


def sleep_with_process(services, job):
    process = subprocess.Popen(["sleep", "300"])
    print("sleeping", process.pid)
    time.sleep(30)


def ignore_signals(services, job):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    print("deaf", os.getpid())
    give_up_at = time.monotonic() + 30
    while time.monotonic() < give_up_at:
        time.sleep(0.1)


def nap(services, job):
    time.sleep(0.3)
    return os.getpid()


def make_a_mess(services, job):
    os.environ["MESS"] = "yes"
    os.environ.pop("KEEP", None)
    os.chdir("/")
    os.umask(0o777)
    signal.signal(signal.SIGUSR1, lambda *_: None)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - replaced on purpose
    logging.getLogger().handlers.clear()
    logging.getLogger().setLevel(logging.ERROR)
    return os.getpid()


def look_around(services, job):
    mask = os.umask(0)
    os.umask(mask)
    time.sleep(0.3)
    print("heard")
    logging.info("logged")
    return {
        "pid": os.getpid(),
        "mess": os.environ.get("MESS"),
        "keep": os.environ.get("KEEP"),
        "cwd": os.getcwd(),
        "umask": mask,
        "usr1": str(signal.getsignal(signal.SIGUSR1)),
        "term": str(signal.getsignal(signal.SIGTERM)),
    }


def draw(services, job):
    return random.random()


def work(services, job):
    end = time.process_time() + 0.2
    while time.process_time() < end:
        pass


def grow(services, job):
    return len(bytearray(80_000_000))


def big_value(services, job):
    return "v" * 20_000_000


def big_variable(services, job):
    return len(services.variable("big"))


def environment(services, job):
    return os.environ.get("PYTHONPATH")


DAGS = {"days": {name: value for name, value in globals().items() if callable(value) and not name.startswith("_")}}
