"""Files below a folder that a Connection names."""

from pathlib import Path

from sailplane.authoring.scopes import get_current_context

DEFAULT = "fs_default"


class FSHook:
    """The folder in the Connection's extra, `{"path": "/data"}`. `fs_default` need not be set: then it is none."""

    conn_type = "fs"

    def __init__(self, fs_conn_id: str = DEFAULT) -> None:
        connections = get_current_context()["conn"]
        found = connections.get(fs_conn_id, None) if fs_conn_id == DEFAULT else connections.get(fs_conn_id)
        self.basepath: str = found.extra_dejson.get("path", "") if found else ""

    def get_path(self) -> str:
        return self.basepath

    def full_path(self, name: str) -> str:
        return str(Path(self.basepath) / name)
