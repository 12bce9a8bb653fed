"""Ports that stay the same over restarts of the same data directory."""

import json
import socket
from pathlib import Path


class PortBook:
    """Remembers which port each listener had, in one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._ports: dict[str, int] = json.loads(path.read_text())
        except (FileNotFoundError, ValueError):
            self._ports = {}

    def bind(self, name: str, host: str, port: int = 0) -> socket.socket:
        """A bound, listening socket: on `port`, or where that is 0 on the one used last if free, else any.

        Raises OSError when a port that was asked for is taken.
        """
        if port:
            return self._note(name, _listen(host, port))
        remembered = self._ports.get(name, 0)
        if remembered:
            try:
                return self._note(name, _listen(host, remembered))
            except OSError:
                pass
        return self._note(name, _listen(host, 0))

    def pick(self, name: str, host: str, port: int = 0) -> int:
        """The port that `bind` would take, free when this returns: for servers that do not take a socket."""
        with self.bind(name, host, port) as sock:
            picked: int = sock.getsockname()[1]
        return picked

    def _note(self, name: str, sock: socket.socket) -> socket.socket:
        port = sock.getsockname()[1]
        if self._ports.get(name) != port:
            self._ports[name] = port
            temporary = self._path.with_suffix(".tmp")
            temporary.write_text(json.dumps(self._ports, indent=1, sort_keys=True))
            temporary.replace(self._path)
        return sock


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=1024)
    except OSError as error:
        raise OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror}") from error
