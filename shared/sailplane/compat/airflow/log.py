"""Loggers, the way Airflow's classes have them."""

import logging
from functools import cached_property


class LoggingMixin:
    """Gives a class `self.log`."""

    @cached_property
    def log(self) -> logging.Logger:
        return logging.getLogger(f"{type(self).__module__}.{type(self).__qualname__}")
