"""The site's numbers in Prometheus' text, read when asked; nothing is counted for it while people wait."""

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from campaign.reports import probes, status


def text() -> bytes:
    """All metrics, in the text format 0.0.4."""
    registry = CollectorRegistry()
    now = status.read()

    def gauge(name: str, what: str, labels: tuple[str, ...] = ()) -> Gauge:
        return Gauge(f"campaign_{name}", what, labels, registry=registry)

    gauge("delivery_live", "1 while mail leaves, 0 while it is captured").set(
        now["delivery"] == "live"
    )
    gauge("supporters", "Confirmed supporters").set(now["supporters"])
    for name in ("letters", "deliveries", "alerts"):
        states = gauge(name, f"{name.title()} by state", ("state",))
        for state, n in now[name].items():
            states.labels(state).set(n)
    outbox = gauge("messages", "Messages of the outbound ledger", ("stream", "state"))
    for stream, found in now["outbox"].items():
        for state, n in found.items():
            outbox.labels(stream, state).set(n)
    if now["queues"] is not None:
        lengths = gauge("queue_length", "Jobs waiting", ("queue",))
        for name, n in now["queues"].items():
            lengths.labels(name).set(n)
    gauge("valkey_up", "1 while Valkey answers").set(now["queues"] is not None)
    gauge("workers", "Workers alive").set(now["workers"])
    gauge("oldest_due_seconds", "Age of the oldest message that is due and not sent").set(
        now["oldest_due_s"]
    )
    swept = probes.swept_s()
    if swept is not None:
        gauge("sweep_age_seconds", "Seconds since the last sweep").set(swept)
    return generate_latest(registry)
