"""The addresses for whoever watches over the site."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient


def test_the_process_and_the_engines_are_there(client: FlaskClient) -> None:
    assert client.get("/healthz").get_json() == {"status": "ok"}
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.get_json() == {
        "status": "ready",
        "postgresql": "ok",
        "valkey": "ok",
        "migrations": "ok",
    }


def test_valkey_away_is_said(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from redis import Redis

    from campaign.reports import probes

    away = Redis(port=1, socket_connect_timeout=1)
    monkeypatch.setattr(probes, "connection", lambda: away)
    ready = client.get("/readyz")
    assert ready.status_code == 503
    assert ready.get_json()["valkey"] == "failed"
    assert ready.get_json()["postgresql"] == "ok"


def test_older_tables_are_not_ready(client: FlaskClient, sql: Any) -> None:
    (head,) = sql("SELECT version_num FROM alembic_version")[0]
    try:
        sql("UPDATE alembic_version SET version_num = '0000'")
        ready = client.get("/readyz")
        assert ready.status_code == 503
        assert ready.get_json()["migrations"] == "failed"
    finally:
        sql("UPDATE alembic_version SET version_num = %s", head)


def test_metrics_are_for_this_machine_or_the_token_s_bearer(
    demo: Flask, client: FlaskClient
) -> None:
    mine = client.get("/metrics")
    assert mine.status_code == 200
    text = mine.get_data(as_text=True)
    assert "campaign_delivery_live 0.0" in text and "campaign_valkey_up 1.0" in text
    assert (
        client.get("/metrics", environ_overrides={"REMOTE_ADDR": "198.51.100.7"}).status_code == 404
    )
    assert client.get("/metrics", headers={"X-Forwarded-For": "198.51.100.7"}).status_code == 404
    demo.config["METRICS_TOKEN"] = "a token of some length"
    try:
        elsewhere = {"REMOTE_ADDR": "198.51.100.7"}
        bearer = {"Authorization": "Bearer a token of some length"}
        assert (
            client.get("/metrics", headers=bearer, environ_overrides=elsewhere).status_code == 200
        )
        assert client.get("/metrics").status_code == 404
        assert client.get("/metrics", headers={"Authorization": "Bearer é"}).status_code == 404
    finally:
        demo.config["METRICS_TOKEN"] = ""


def test_logs_hold_no_address_no_ip_and_no_key() -> None:
    from campaign.web.logs import cleaned

    text = cleaned(
        "ana@people.example from 198.51.100.7 at /confirm/MQ.awXCHQ.7PNw9GA03knNulJTKVlv-BgsEae--l3EX"
    )
    assert text == "<address> from <ip> at /confirm/<key>"
    assert cleaned("\x1b[33mlistening on 127.0.0.1:5000\x1b[0m") == "listening on 127.0.0.1:5000"
