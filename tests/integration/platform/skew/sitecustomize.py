"""Imported by each interpreter that has this folder on its path: its clock is wrong by SKEW_SECONDS.

gRPC counts its deadlines by the kernel's clock, which is right here, so it has to see that.
"""

import os
import sys
import time

_true = time.time
_wrong_by = float(os.environ["SKEW_SECONDS"])


def _skewed() -> float:
    asked_by = sys._getframe(1).f_globals.get("__name__", "")
    return _true() if asked_by.startswith("grpc") else _true() + _wrong_by


time.time = _skewed
