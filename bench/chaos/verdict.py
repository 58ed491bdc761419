"""The ledger's rows against what the server got: what is lost, what went twice, and was it promised so."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

WORKERS = 2
CONNECTIONS = 16
"""Of a worker that sends an alert."""
AT_RISK = 32 * CONNECTIONS
"""Messages of an alert that a worker may have sent without having recorded it: so many on each connection."""

Killed = Sequence[tuple[str, int]]
"""What was killed, and how many messages the server had by then; in order."""


def verdict(
    rows: Sequence[Any], got: Sequence[str], killed: Killed, drops: Counter[str]
) -> dict[str, Any]:
    """``rows`` of the ledger, the recipients of what the server ``got``, and those after whose last byte it hung up."""
    arrived = Counter(got)
    lost = [row for row in rows if row.state == "sent" and not arrived[row.to_address]]
    lost += [row for row in rows if row.state not in ("sent", "failed", "held")]
    after = repeated_after_each_kill(got, {row.to_address for row in rows}, killed, drops)
    twice = Counter({stream: sum(one[stream] for one in after) for stream in ("alerts", "letters")})
    return {
        "lost": len(lost),
        "repeated": twice.total(),
        "repeated_alerts": twice["alerts"],
        "repeated_letters": twice["letters"],
        "uncertain": sum(row.doubts > 0 for row in rows),
        "dropped_after_last_byte": drops.total(),
        "kills": len(killed),
        "kills_of": dict(Counter(name for name, _ in killed)),
        "rows": len(rows),
        "states": dict(Counter(row.state for row in rows)),
        "arrived": arrived.total(),
        "worst_kill": {stream: max((one[stream] for one in after), default=0) for stream in twice},
        "within_promise": all(
            one["alerts"] <= AT_RISK * hit and one["letters"] <= hit
            for one, hit in zip(after, workers_hit(killed), strict=True)
        ),
    }


def workers_hit(killed: Killed) -> list[int]:
    """By kill, how many workers' unrecorded messages it could take along: AT_RISK of alerts, one letter.

    A killed database takes every worker's; what was repeated before any kill is none's.
    """
    of = {"worker": 1, "postgres": WORKERS, "valkey": 0}
    return [0, *(of[name] for name, _ in killed)]


def repeated_after_each_kill(
    got: Sequence[str], addresses: set[str], killed: Killed, drops: Counter[str]
) -> list[Counter[str]]:
    """How many messages went once more by stream: first those of no kill, then those of each kill, in order.

    One that arrived twice is the work of a kill between the two times; of several, of the first that can have done it:
    what leaves by a slow server is in flight for longer than from one kill to the next. What a killed worker had
    written, a message a connection, arrives a moment after its death.
    """
    most = {"alerts": AT_RISK, "letters": 1}
    hit = workers_hit(killed)
    after = [Counter[str]() for _ in range(len(killed) + 1)]
    # The server broke the connection after the last byte: nobody can know, and going again is right.
    excused = drops.copy()
    arrived: dict[str, int] = {}
    for number, address in enumerate(got):
        before = arrived.get(address)
        arrived[address] = number
        if before is None or address not in addresses:
            continue
        if excused[address]:
            excused[address] -= 1
            continue
        between = [
            i for i, (_, had) in enumerate(killed, 1)
            if before < had + WORKERS * CONNECTIONS and had <= number
        ]  # fmt: skip
        stream = "letters" if address.startswith("letters") else "alerts"
        able = (i for i in between if after[i][stream] < most[stream] * hit[i])
        after[next(able, min(between, default=0))][stream] += 1
    return after
