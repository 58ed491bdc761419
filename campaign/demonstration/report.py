"""What the demonstration says: lines while it works, a table of what it checked, one JSON object at the end."""

import json
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any


class Progress:
    """Lines with the seconds since the start, and what has been done so far. Used by many threads."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.done: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self.began

    def say(self, text: str) -> None:
        """One line."""
        with self._lock:
            print(f"[{self.seconds:5.1f} s] {text}", flush=True)

    def count(self, what: str) -> None:
        """One more of something has been done."""
        with self._lock:
            self.done[what] += 1


@dataclass(frozen=True)
class Check:
    """One thing that had to be so."""

    what: str
    expected: Any
    found: Any

    @property
    def good(self) -> bool:
        """Whether it was."""
        return bool(self.expected == self.found)


class Checks:
    """All that was checked, in order."""

    def __init__(self) -> None:
        self.all: list[Check] = []

    def expect(self, what: str, expected: Any, found: Any) -> bool:
        """Notes a check and returns whether it was good; the demonstration goes on either way."""
        self.all.append(Check(what, expected, found))
        return self.all[-1].good

    @property
    def failed(self) -> list[Check]:
        """Those that were not."""
        return [check for check in self.all if not check.good]

    def table(self) -> str:
        """Expected and found, one check a line."""
        rows = [("", "check", "expected", "found")]
        rows += [
            ("ok" if check.good else "NO", check.what, _short(check.expected), _short(check.found))
            for check in self.all
        ]
        widths = [max(len(row[n]) for row in rows) for n in range(4)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        return "\n".join([lines[0], "-" * min(sum(widths) + 6, 110), *lines[1:]])


def _short(value: Any) -> str:
    text = (
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    )
    return text if len(text) <= 90 else f"{text[:87]}…"


def last_line(counts: dict[str, Any]) -> None:
    """The JSON object, as the very last line."""
    sys.stdout.flush()
    print(json.dumps(counts, ensure_ascii=False), flush=True)
