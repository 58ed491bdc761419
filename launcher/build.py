"""Builds launcher/campaign_launcher-1.0-py3-none-any.whl; the same source gives the same bytes."""

import base64
import hashlib
import sys
import zipfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
NAME = "campaign_launcher-1.0"
WHEEL = FOLDER / f"{NAME}-py3-none-any.whl"
METADATA = """Metadata-Version: 2.1
Name: campaign-launcher
Version: 1.0
Summary: The campaign command of this project's virtual environment.
"""
WHEEL_FILE = """Wheel-Version: 1.0
Generator: launcher/build.py
Root-Is-Purelib: true
Tag: py3-none-any
"""


def build(target: Path = WHEEL) -> str:
    """Write the wheel (PEP 427) and return its SHA-256 in hexadecimal."""
    info = f"{NAME}.dist-info"
    files = {
        "campaign_launcher.py": (FOLDER / "campaign_launcher.py").read_text(encoding="utf-8"),
        f"{info}/METADATA": METADATA,
        f"{info}/WHEEL": WHEEL_FILE,
        f"{info}/entry_points.txt": "[console_scripts]\ncampaign = campaign_launcher:main\n",
    }
    record = [f"{name},{_digest(text)},{len(text.encode())}" for name, text in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,"]) + "\n"
    with zipfile.ZipFile(target, "w") as wheel:
        for name, text in files.items():
            # A fixed time and no compression: neither the clock nor zlib's version shows.
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            wheel.writestr(entry, text, compress_type=zipfile.ZIP_STORED)
    return hashlib.sha256(target.read_bytes()).hexdigest()


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return "sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


if __name__ == "__main__":
    where = Path(sys.argv[1]) if len(sys.argv) > 1 else WHEEL
    print(f"./launcher/{WHEEL.name} --hash=sha256:{build(where)}")
