import os
import subprocess
import sys

HEAVY = (
    "google.cloud.firestore",
    "google.cloud.storage",
    "google.pubsub_v1",
    "grpc",
    "flask",
    "sailplane.engine",
    "localcloud",
    "jinja2",
    "rich.table",
)


def test_help_imports_nothing_heavy():
    """`sailplane --help` is quick because of what it leaves out."""
    code = "import sys, sailplane.cli.main; print(*(name for name in sys.modules))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert not [name for name in done.stdout.split() if name.startswith(HEAVY)]
