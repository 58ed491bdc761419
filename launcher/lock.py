"""`make lock`: rebuilds the launcher's wheel and requirements.txt from pyproject.toml."""

import re
import subprocess
import sys
from pathlib import Path

import build

ROOT = Path(__file__).resolve().parent.parent
HEADER = """\
# Everything at a fixed version with its hashes: pip install -r requirements.txt
# Made by `make lock` from pyproject.toml; the last line is the `campaign` command (launcher/).
"""


def main() -> None:
    """Write requirements.txt; what is pinned there already stays unless it has to change."""
    target = ROOT / "requirements.txt"
    fresh = ROOT / "requirements.new"
    if target.exists() and "--upgrade" not in sys.argv:
        kept = target.read_text().split("./launcher/")[0]
        fresh.write_text(kept)
    command = [str(Path(sys.executable).with_name("uv")), "pip", "compile", "pyproject.toml"]
    command += ["--extra", "test", "--universal", "--python-version", "3.11", "--generate-hashes"]
    command += ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"]
    command += ["--quiet", "--output-file", fresh.name]
    if "--upgrade" in sys.argv:
        command.append("--upgrade")
    try:
        subprocess.run(command, cwd=ROOT, check=True)
        pins = fresh.read_text()
    finally:
        fresh.unlink(missing_ok=True)
    pins = "".join(line for line in pins.splitlines(keepends=True) if not line.startswith("#"))
    if found := re.search(r"https?://\S+|^--", pins, re.MULTILINE):
        sys.exit(
            f"requirements.txt would name an address or an option ({found[0]}): left as it was."
        )
    wheel = f"./launcher/{build.WHEEL.name} --hash=sha256:{build.build()}\n"
    target.write_text(HEADER + pins + wheel)
    print(f"requirements.txt: {pins.count('==')} libraries.")


if __name__ == "__main__":
    main()
