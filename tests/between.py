"""Stands between a program under test and its database, and can fall silent: the database is there and answers nothing."""

import contextlib
import socket
import threading

from sqlalchemy.engine import make_url

from tests.servers import Urls


class Between:
    """Listens on a port of its own until closed; ``url`` is the database's address by this way."""

    def __init__(self, urls: Urls) -> None:
        self._url = make_url(urls.database_url)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=50)
        self._goes_on = threading.Event()
        self._goes_on.set()
        self._open: list[socket.socket] = []
        port = self._listener.getsockname()[1]
        here = self._url.set(host="127.0.0.1", port=port, query={})
        self.url = here.render_as_string(hide_password=False)
        threading.Thread(target=self._accept, daemon=True).start()

    def fall_silent(self) -> None:
        """Breaks the connections there are and answers no other: they open and hear nothing."""
        self._goes_on.clear()
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def freeze(self) -> None:
        """Passes nothing on any more, on any connection."""
        self._goes_on.clear()

    def close(self) -> None:
        """Ends all."""
        self.fall_silent()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near = self._listener.accept()[0]
                if not self._goes_on.is_set():
                    self._open.append(near)  # kept, or it would be closed
                    continue
                far = self._connect()
                self._open += (near, far)
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _connect(self) -> socket.socket:
        host, port = self._url.query.get("host") or self._url.host, self._url.port or 5432
        assert isinstance(host, str)
        if not host.startswith("/"):
            return socket.create_connection((host, port))
        found = socket.socket(socket.AF_UNIX)
        found.connect(f"{host}/.s.PGSQL.{port}")
        return found

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                self._goes_on.wait()
                other.sendall(data)
        with contextlib.suppress(OSError):
            other.shutdown(socket.SHUT_RDWR)
