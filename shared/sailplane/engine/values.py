"""Variables and Connections for running tasks: looked for place after place, remembered for a moment."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from sailplane.cloud.changes import Delete, Put
from sailplane.cloud.secrets import CONNECTIONS_PREFIX, VARIABLES_PREFIX, SecretManager
from sailplane.cloud.settings import SecretsPlace, Settings
from sailplane.cloud.store import Store
from sailplane.cloud.value_codec import variable_path
from sailplane.engine.value_files import connection_of, read_file, variable_of
from sailplane.model.values import Variable, check_key

MEMORY = timedelta(seconds=10)
"""How long a worker believes what it read: a fan-out of tasks that all name one Variable reads it once."""
_MOST_REMEMBERED = 1000


class Place(Protocol):
    """Somewhere Variables and Connections may be."""

    def variable(self, key: str) -> str | None:
        """The text; None when it is not here."""

    def connection(self, conn_id: str) -> str | None:
        """The Connection as URI or JSON; None when it is not here."""

    def describe(self) -> str:
        """This place, as an author knows it."""


@dataclass(frozen=True)
class InEnvironment:
    """As Airflow has them in environment variables."""

    environment: Mapping[str, str]

    def variable(self, key: str) -> str | None:
        return self.environment.get(f"AIRFLOW_VAR_{key.upper()}")

    def connection(self, conn_id: str) -> str | None:
        return self.environment.get(f"AIRFLOW_CONN_{conn_id.upper()}")

    def describe(self) -> str:
        return "the environment (AIRFLOW_VAR_..., AIRFLOW_CONN_...)"


@dataclass(frozen=True)
class InStore:
    """What `sailplane variables set`, the API and tasks have set."""

    store: Store

    def variable(self, key: str) -> str | None:
        found = self.store.variable(key)
        return None if found is None else found.value

    def connection(self, conn_id: str) -> str | None:
        found = self.store.connection(conn_id)
        return None if found is None else found.as_json()

    def describe(self) -> str:
        return "the store (`sailplane variables list`, `sailplane connections list`)"


@dataclass(frozen=True)
class InSecretManager:
    manager: SecretManager

    def variable(self, key: str) -> str | None:
        return self.manager.variable(key)

    def connection(self, conn_id: str) -> str | None:
        return self.manager.connection(conn_id)

    def describe(self) -> str:
        return f"Secret Manager ({VARIABLES_PREFIX}..., {CONNECTIONS_PREFIX}...)"


@dataclass(frozen=True)
class InFiles:
    """Files as Airflow's `LocalFilesystemBackend` has them. Read once: they come with the deployment."""

    variables_file: str
    connections_file: str

    def variable(self, key: str) -> str | None:
        if key not in self._variables:
            return None
        return variable_of(key, self._variables[key]).value

    def connection(self, conn_id: str) -> str | None:
        if conn_id not in self._connections:
            return None
        return connection_of(conn_id, self._connections[conn_id], self.connections_file).as_json()

    def describe(self) -> str:
        return " and ".join(filter(None, (self.variables_file, self.connections_file)))

    @cached_property
    def _variables(self) -> Mapping[str, Any]:
        return read_file(Path(self.variables_file)) if self.variables_file else {}

    @cached_property
    def _connections(self) -> Mapping[str, Any]:
        return read_file(Path(self.connections_file)) if self.connections_file else {}


def places_of(settings: Settings, store: Store) -> tuple[Place, ...]:
    """The places that `settings` name, in their order; without the file when none is named."""
    found: list[Place] = []
    for place in settings.secrets:
        match place:
            case SecretsPlace.ENVIRONMENT:
                found.append(InEnvironment(settings.environment))
            case SecretsPlace.STORE:
                found.append(InStore(store))
            case SecretsPlace.SECRET_MANAGER:
                found.append(InSecretManager(SecretManager(settings)))
            case SecretsPlace.FILE if settings.variables_file or settings.connections_file:
                found.append(InFiles(settings.variables_file, settings.connections_file))
    return tuple(found)


class Values:
    """What one worker knows of Variables and Connections. Usable from many threads."""

    def __init__(self, places: Sequence[Place], store: Store, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._places = places
        self._store = store
        self._variables = Remembered(monotonic)
        self._connections = Remembered(monotonic)

    def variable(self, key: str) -> str | None:
        """The Variable's text from the first place that has it."""
        return self._variables.get(key, lambda: _first(place.variable(key) for place in self._places))

    def connection(self, conn_id: str) -> str | None:
        """The Connection as URI or JSON from the first place that has it."""
        return self._connections.get(conn_id, lambda: _first(place.connection(conn_id) for place in self._places))

    def set_variable(self, key: str, value: str, description: str | None) -> None:
        """Put a Variable into the store. A place before the store may still hide it, as in Airflow."""
        check_key(key, "the key of a Variable")
        self._store.commit([Put(Variable(key=key, value=value, description=description))])
        self._variables.forget(key)

    def delete_variable(self, key: str) -> None:
        """Take a Variable out of the store, if it is there."""
        check_key(key, "the key of a Variable")
        self._store.commit([Delete(variable_path(key))])
        self._variables.forget(key)

    def variable_keys(self, prefix: str) -> list[str]:
        """The keys that the store has, and the store alone, as in Airflow; sorted."""
        return sorted(each.key for each in self._store.variables() if each.key.startswith(prefix))

    def looked_in(self) -> str:
        """The places in words."""
        return ", then ".join(place.describe() for place in self._places) or "no place: SAILPLANE_SECRETS names none"


def _first(found: Iterable[str | None]) -> str | None:
    return next((text for text in found if text is not None), None)


class Remembered:
    """Answers for a short while, that something is not there too. Threads that ask at once make one question."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._known: OrderedDict[str, tuple[float, str | None]] = OrderedDict()
        self._turns: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, name: str, find: Callable[[], str | None]) -> str | None:
        """What `find` says, or said a moment ago. What it raises is not remembered."""
        with self._turn(name):
            known = self._known.get(name)
            if known is not None and self._monotonic() < known[0]:
                return known[1]
            found = find()
            self._remember(name, found)
            return found

    def forget(self, name: str) -> None:
        with self._turn(name), self._lock:
            self._known.pop(name, None)

    def _turn(self, name: str) -> threading.Lock:
        with self._lock:
            return self._turns.setdefault(name, threading.Lock())

    def _remember(self, name: str, found: str | None) -> None:
        with self._lock:
            self._known[name] = (self._monotonic() + MEMORY.total_seconds(), found)
            self._known.move_to_end(name)
            while len(self._known) > _MOST_REMEMBERED:
                forgotten, _ = self._known.popitem(last=False)
                self._turns.pop(forgotten, None)
