"""Files below a folder that a Connection names."""

from pathlib import Path

from sailplane.authoring.exceptions import AirflowNotFoundException
from sailplane.hooks.base import BaseHook

DEFAULT = "fs_default"


class FSHook(BaseHook):
    """The folder in the Connection's extra, `{"path": "/data"}`. `fs_default` need not be set: then it is none."""

    conn_type = "fs"
    conn_name_attr = "fs_conn_id"
    default_conn_name = DEFAULT

    def __init__(self, fs_conn_id: str = DEFAULT) -> None:
        super().__init__()
        self.basepath: str = ""
        try:
            self.basepath = self.get_connection(fs_conn_id).extra_dejson.get("path", "")
        except AirflowNotFoundException:
            if fs_conn_id != DEFAULT:
                raise

    def get_path(self) -> str:
        return self.basepath

    def full_path(self, name: str) -> str:
        return str(Path(self.basepath) / name)
