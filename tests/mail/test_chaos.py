"""The short form of ``make chaos``: three kills, of a worker, of PostgreSQL and of a worker again."""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def test_what_a_server_had_when_it_went_away_is_no_kills_work() -> None:
    from bench.chaos.moods import Moods

    away = Moods(random.Random(1), away_until=time.monotonic() + 60)
    away("rcpt", "a@d1.example")
    assert not away.drops_after_dot.total()
    away("dot", "a@d1.example")
    assert away.drops_after_dot == {"a@d1.example": 1}


def test_kill_minus_nine_loses_nothing() -> None:
    environment = {
        k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL", "DATA")
    }
    done = subprocess.run(
        [sys.executable, "-m", "bench.chaos.run", "--recipients", "400", "--letters", "30", "--kills", "3",
         "--pace", "1", "--seed", "3"],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout
    result = json.loads(done.stdout.strip().splitlines()[-1])
    assert result["lost"] == 0
    assert result["finished"]
    assert result["kills"] == 3
    assert result["rows"] == 430
