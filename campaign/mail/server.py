"""The mail server that the configuration names, and how a connection to it is opened."""

import contextlib
import smtplib
import socket
import ssl
from functools import lru_cache
from typing import NamedTuple

from flask import current_app

from campaign.mail import settings
from campaign.mail.answers import parse

CONNECT_S = 15
"""What each answer gets until a connection is open."""
TCP_S = 5
"""What the network gets before that: so long a stop may have to wait."""


class ServerAway(Exception):
    """The mail server cannot be used now. The text is one sentence for staff, without addresses of people."""


class ServerFull(ServerAway):
    """It answers, and takes no further connection now."""


class Server(NamedTuple):
    """Where mail goes, by Flask-Mail's names."""

    host: str
    port: int
    tls: bool
    ssl: bool
    username: str | None
    password: str | None
    max_messages: int
    """Messages a connection may carry; 0: no limit."""
    helo: str


def configured() -> Server:
    """The server that the configuration names."""
    config = current_app.config
    return Server(
        config["MAIL_SERVER"],
        int(config["MAIL_PORT"]),
        bool(config.get("MAIL_USE_TLS")),
        bool(config.get("MAIL_USE_SSL")),
        config.get("MAIL_USERNAME"),
        config.get("MAIL_PASSWORD"),
        int(config.get("MAIL_MAX_EMAILS") or 0),
        _own_name() or settings.sender().domain,
    )


class _Opening(smtplib.SMTP):
    """A connection that can be broken off while it is being opened."""

    _handle: socket.socket | None = None

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        found: socket.socket = super()._get_socket(host, port, TCP_S)  # type: ignore[misc]  # smtplib's own hook
        found.settimeout(timeout)
        # A handle of its own, since TLS takes the socket over.
        self._handle = found.dup()
        _opening.add(self._handle)
        return found

    def opened(self) -> None:
        """The end of what can be broken off."""
        if self._handle is not None:
            _opening.discard(self._handle)
            self._handle.close()
            self._handle = None

    def close(self) -> None:
        self.opened()
        super().close()


class _OpeningTls(smtplib.SMTP_SSL, _Opening):
    """The same with TLS from the first byte."""


_opening: set[socket.socket] = set()


def break_off() -> None:
    """Breaks off all connections that are being opened: whoever waits for one gets ServerAway now."""
    for one in list(_opening):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


def connect(server: Server) -> smtplib.SMTP:
    """Opens a connection and logs in as configured. Raises ServerAway."""
    where = f"{server.host}:{server.port}"
    try:
        return _open(server)
    except smtplib.SMTPAuthenticationError as error:
        raise ServerAway(
            f"The mail server {where} refuses MAIL_USERNAME and MAIL_PASSWORD ({error.smtp_code})."
        ) from error
    except smtplib.SMTPNotSupportedError as error:
        lacks = (
            "STARTTLS (MAIL_USE_TLS)" if "STARTTLS" in str(error) else "a log-in (MAIL_USERNAME)"
        )
        raise ServerAway(f"The mail server {where} does not offer {lacks}.") from error
    except smtplib.SMTPResponseException as error:
        if error.smtp_code < 0:
            raise ServerAway(
                f"What answers at {where} is no mail server: see MAIL_SERVER and MAIL_PORT."
            ) from error
        said = error.smtp_error
        said = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
        answer = parse(error.smtp_code, said, None).text
        kind = ServerFull if error.smtp_code // 100 == 4 else ServerAway
        raise kind(f"The mail server {where} answers {error.smtp_code} {answer}.") from error
    except smtplib.SMTPServerDisconnected as error:
        silent = isinstance(error.__context__, TimeoutError)
        does = f"says nothing for {CONNECT_S} s" if silent else "breaks the connection at once"
        raise ServerFull(f"The mail server {where} {does}.") from error
    except smtplib.SMTPException as error:
        raise ServerAway(f"The mail server {where} cannot be used: {error}.") from error
    except ssl.SSLError as error:
        why = getattr(error, "verify_message", "") or error.reason or error
        raise ServerAway(f"The mail server {where} has no valid TLS: {why}.") from error
    except OSError as error:
        raise ServerAway(
            f"The mail server {where} cannot be reached: {error.strerror or error}."
        ) from error


def _open(server: Server) -> smtplib.SMTP:
    """Opens a connection and logs in; raises what smtplib, ssl and the system raise."""
    context = ssl.create_default_context() if server.ssl or server.tls else None
    if server.ssl:
        client: _Opening = _OpeningTls(
            server.host, server.port, server.helo, timeout=CONNECT_S, context=context
        )
    else:
        client = _Opening(server.host, server.port, server.helo, timeout=CONNECT_S)
    try:
        client.ehlo_or_helo_if_needed()
        if server.tls:
            client.starttls(context=context)
            client.ehlo()
        if server.username:
            client.login(server.username, server.password or "")
    except BaseException:
        client.close()
        raise
    finally:
        client.opened()
    return client


@lru_cache(maxsize=1)
def _own_name() -> str:
    """This host's full name for EHLO; empty where it has none."""
    name = socket.getfqdn()
    return name if "." in name and not name.startswith("localhost") else ""
