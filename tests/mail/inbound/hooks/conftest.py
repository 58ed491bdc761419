"""A call of a webhook, and what it may do."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient


@pytest.fixture
def hook(receiving_app: Any, client: FlaskClient) -> Callable[..., int]:
    """Calls a door: ``hook("mailgun", body, headers)``; returns the status."""

    def call(name: str, body: Any, headers: dict[str, str] | None = None) -> int:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = client.post(f"/hooks/mail/{name}", data=data, headers=headers or {})
        assert "no-store" in answer.headers["Cache-Control"]
        return answer.status_code

    return call
