"""Variables and Connections in the store, as people set them."""

from collections.abc import Sequence

from sailplane.cloud.changes import Create, Delete, Put
from sailplane.cloud.codec import path_of
from sailplane.cloud.committer import Committed
from sailplane.cloud.store import Store
from sailplane.model.errors import AlreadyExists
from sailplane.model.values import Connection, Variable, check_key

Value = Variable | Connection
_BATCH = 400


def add(store: Store, value: Value) -> None:
    """Store what must not be there. Raises `AlreadyExists`."""
    _check(value)
    if not isinstance(store.commit([Create(value)]), Committed):
        raise AlreadyExists(f"{describe(value)} already exists")


def put(store: Store, values: Sequence[Value]) -> None:
    """Store what may be there."""
    for value in values:
        _check(value)
    for start in range(0, len(values), _BATCH):
        store.commit([Put(value) for value in values[start : start + _BATCH]])


def remove(store: Store, value: Value) -> None:
    store.commit([Delete(path_of(value))])


def describe(value: Value) -> str:
    """As in Airflow's API."""
    if isinstance(value, Variable):
        return f"The Variable with key: `{value.key}`"
    return f"The Connection with connection_id: `{value.conn_id}`"


def _check(value: Value) -> None:
    if isinstance(value, Variable):
        check_key(value.key, "the key of a Variable")
    else:
        check_key(value.conn_id, "the id of a Connection")
