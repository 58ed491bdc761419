"""Logging: one JSON object a line where a machine reads it, short lines on a terminal. No addresses, no IPs."""

import logging
import os
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from flask import Flask

from campaign import engines

_ADDRESS = re.compile(r"[^\s<>@\"']{1,64}@[^\s<>@\"']{1,255}")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
"""What colours a terminal (ECMA-48, SGR); Flask's own server writes such lines."""
_IP = re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b")
_LOCAL = re.compile(r"\b(?:127\.0\.0\.1|0\.0\.0\.0)\b")
_TOKEN = re.compile(r"(?<=[/=])[\w-]+\.[\w-]{4,}\.[\w-]{20,}")


def cleaned(text: str) -> str:
    """``text`` without addresses of people, of networks, and without the keys of signed links."""
    text = _ADDRESS.sub("<address>", _COLOUR.sub("", text))
    text = _IP.sub(lambda found: found[0] if _LOCAL.fullmatch(found[0]) else "<ip>", text)
    return _TOKEN.sub("<key>", text)


def _clean(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = cleaned(value)
    return event


def _only_kind(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """An exception's text may hold what someone typed: its kind and its place are kept, its words are not."""
    found = event.pop("exc_info", None)
    if not found:
        return event
    error = sys.exc_info()[1] if found is True else found[1] if isinstance(found, tuple) else found
    if isinstance(error, BaseException):
        frame = error.__traceback__
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        event["kind"] = type(error).__name__
        if frame is not None:
            event["place"] = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}"
    return event


def init_app(app: Flask) -> None:
    """Configures structlog and the standard library's logging alike, once a process."""
    # What `campaign run` starts speaks to a person, who sees the time and the program before each line already.
    prefixed = engines.MARK in os.environ
    lines = bool(app.config.get("LOG_JSON", not (prefixed or sys.stderr.isatty())))
    stamp: Any = structlog.processors.TimeStamper(fmt="iso" if lines else "%H:%M:%S", utc=lines)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        *([] if prefixed else [stamp]),
        _only_kind,
        _clean,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    last: Any = (
        structlog.processors.JSONRenderer()
        if lines
        else structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0, pad_level=False)
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    handler.set_name("campaign")
    root = logging.getLogger()
    root.handlers = [one for one in root.handlers if one.get_name() != "campaign"] + [handler]
    if root.level > logging.INFO or root.level == logging.NOTSET:
        root.setLevel(logging.INFO)
    for noisy in ("alembic", "httpx", "rq", "aiosmtpd", "mail.log"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
