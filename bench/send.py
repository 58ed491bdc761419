"""How fast an alert leaves: rows in PostgreSQL to an SMTP server, every answer recorded.

In turn, on the same machine and against the same smtp-sink: this engine with one and two worker processes and without
PIPELINING, django-post_office (in an environment made for it, where it can be installed), the obvious way (Flask-Mail, one
RQ job a message), and before and after each of them Postfix's own load generator in C (smtp-source -d -s 4: renders
nothing, records nothing), since what else a machine does changes from minute to minute.

    python bench/send.py [--recipients 100000] [--rounds 2]

Prints a table and then a line ``name ratio=…`` each: the engine's rate by smtp-source's of the same minute, by
django-post_office's and by the obvious way's, and a worker's peak memory by the 150 MB it may take.
Needs smtp-source and smtp-sink (Debian: apt install postfix).
"""

import argparse
import shutil
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.sending.instance import an_audience, instance  # noqa: E402  # after the path
from bench.sending.ours import alert, message_size  # noqa: E402  # after the path
from bench.sending.peers import obvious, post_office, post_office_environment  # noqa: E402  # after the path
from bench.sending.server import sink, smtp_source  # noqa: E402  # after the path
from bench.sending.waiting import free_port, reachable, wait_for  # noqa: E402  # after the path

__all__ = [
    "alert",
    "an_audience",
    "free_port",
    "instance",
    "reachable",
    "sink",
    "smtp_source",
    "wait_for",
]
"""What other measurements use as well."""


def main() -> None:
    """Runs the rounds and prints the result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--recipients", type=int, default=100_000)
    parser.add_argument("--obvious", type=int, default=300, help="messages sent the obvious way")
    parser.add_argument(
        "--post-office", type=int, default=2000, help="messages sent by django-post_office"
    )
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    if not (shutil.which("smtp-sink") and shutil.which("smtp-source")):
        sys.exit("smtp-sink and smtp-source are missing: install Debian's postfix package.")
    with instance(sink_port := free_port()) as app:
        report(Rounds(app, sink_port, options).run())


@dataclass
class Contender:
    """What was measured of one way to send."""

    rates: list[float] = field(default_factory=list)
    to_source: list[float] = field(default_factory=list)
    """Each rate by smtp-source's just before and just after."""

    @property
    def rate(self) -> float:
        """Messages a second, the median."""
        return statistics.median(self.rates)

    @property
    def ratio(self) -> float:
        """The median of the ratios to smtp-source."""
        return statistics.median(self.to_source)


class Rounds:
    """All contenders in turn, with smtp-source between them."""

    def __init__(self, app: Any, port: int, options: argparse.Namespace) -> None:
        self.app = app
        self.port = port
        self.options = options
        self.found: dict[str, Contender] = {}
        self.memory = 0
        self.size = 0

    def run(self) -> "Rounds":
        """Runs ``rounds`` rounds."""
        alert_id = an_audience(self.app, self.options.recipients)
        with post_office_environment() as post_office:
            for _ in range(self.options.rounds):
                source = self.source()
                for name, send in self.contenders(alert_id, post_office):
                    rate = send()
                    before, source = source, self.source()
                    one = self.found.setdefault(name, Contender())
                    one.rates.append(rate)
                    one.to_source.append(2 * rate / (before + source))
                    print(f"{name}: {rate:,.0f}/s, smtp-source {source:,.0f}/s", file=sys.stderr)
        return self

    def contenders(
        self, alert_id: int, post_office: Path | None
    ) -> Iterator[tuple[str, Callable[[], float]]]:
        """Each way to send, by name."""
        yield "one_worker", lambda: self.engine(alert_id, 1)
        yield "two_workers", lambda: self.engine(alert_id, 2)
        yield "no_pipelining", lambda: self.engine(alert_id, 1, pipelining=False)
        if post_office:
            yield "post_office", lambda: self.post_office(post_office)
        yield "obvious", self.obvious

    def source(self) -> float:
        """smtp-source, with enough messages for two or three seconds."""
        with sink(self.port):
            rate = smtp_source(self.port, min(self.options.recipients, 30_000))
        self.found.setdefault("smtp_source", Contender(to_source=[1])).rates.append(rate)
        return rate

    def engine(self, alert_id: int, workers: int, pipelining: bool = True) -> float:
        """This engine."""
        with sink(self.port, pipelining):
            rate, peak = alert(self.app, alert_id, workers)
        self.size = message_size()
        self.memory = max(self.memory, peak)
        return rate

    def post_office(self, python: Path) -> float:
        """django-post_office, in a database of its own."""
        with sink(self.port):
            return post_office(python, self.options.post_office)

    def obvious(self) -> float:
        """Flask-Mail, one RQ job a message."""
        with sink(self.port):
            return obvious(self.app, self.options.obvious)


POST_OFFICE_RATIO = 0.065
"""Of smtp-source, measured once on a 2-core machine: 608 messages a second. Used where it cannot be installed."""


def report(rounds: Rounds) -> None:
    """Prints the table and the ratios."""
    found = rounds.found
    print(f"{rounds.options.recipients:,} recipients, {rounds.size:,} bytes a message")
    print(f"{'':16}{'messages/s':>12}{'of smtp-source':>16}")
    for name, one in sorted(found.items(), key=lambda item: -item[1].rate):
        print(f"{name:16}{one.rate:12,.0f}{one.ratio:16.3f}")
    print(f"peak memory of a worker: {rounds.memory // 2**20} MB")
    for name in ("one_worker", "two_workers", "no_pipelining"):
        print(f"{name}_to_smtp_source ratio={found[name].ratio:.2f}")
    measured = found.get("post_office")
    note = (
        "" if measured else f"  (it cannot be installed here; by its published {POST_OFFICE_RATIO})"
    )
    peer = measured.ratio if measured else POST_OFFICE_RATIO
    for name in ("one_worker", "two_workers"):
        print(f"{name}_to_post_office ratio={found[name].ratio / peer:.1f}{note}")
    print(f"one_worker_to_obvious ratio={found['one_worker'].ratio / found['obvious'].ratio:.1f}")
    print(f"worker_memory_to_150_mb ratio={rounds.memory / (150 * 2**20):.2f}")


if __name__ == "__main__":
    main()
