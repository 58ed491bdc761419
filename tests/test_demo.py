"""`campaign demo` as people start it, with few supporters."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMMAND = [sys.executable, "-c", "from campaign.cli import main; main()", "demo"]


def test_the_main_job_happens_through_http_and_smtp_alone(tmp_path: Path) -> None:
    # A closed folder: PostgreSQL's own user could not enter it.
    (tmp_path / "tmp").mkdir(mode=0o700)
    done = subprocess.run(
        [*COMMAND, "--supporters", "12"],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path / "tmp")},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    counts = json.loads(done.stdout.strip().splitlines()[-1])
    assert counts["ok"] is True
    assert counts["letters"] == 14, "12 confirmed, and 2 through the alert"
    assert counts["deliveries"] == 4 * 14
    assert counts["unconfirmed"] == 5, "3 who never confirm, 2 undeliverable"
    assert counts["undeliverable"] == 2
    assert counts["alert_recipients"] - counts["second_alert_recipients"] == 3, (
        "2 wrote, 1 unsubscribed"
    )
    assert list((tmp_path / "tmp").iterdir()) == [], "nothing is left behind"
    site = next(line for line in done.stdout.splitlines() if "The site answers at" in line)
    port = int(site.split("127.0.0.1:")[1].split(",")[0])
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0, "the site has ended"
