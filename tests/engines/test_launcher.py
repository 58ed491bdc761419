"""requirements.txt gives the `campaign` command: a small wheel that anybody can build again."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_wheel_is_what_its_source_builds(tmp_path: Path) -> None:
    target = tmp_path / "again.whl"
    build = [sys.executable, str(ROOT / "launcher" / "build.py"), str(target)]
    line = subprocess.run(build, capture_output=True, text=True, check=True).stdout.strip()
    wheel = ROOT / "launcher" / "campaign_launcher-1.0-py3-none-any.whl"
    assert target.read_bytes() == wheel.read_bytes()
    assert line in (ROOT / "requirements.txt").read_text().splitlines()


def test_requirements_name_no_host_and_pin_everything() -> None:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith((" ", "#"))]
    assert all("==" in pin or pin.startswith("./launcher/") for pin in pins)
    assert not any("://" in line or line.startswith("-") for line in lines)
