"""Sets one PDF and ends: ``python typeset.py SOURCE.typ DATA.json OUT.pdf``. Imports nothing of the application.

A process of its own, because typst keeps about a megabyte a page and gives none of it back while the process lives.
"""

import sys
from pathlib import Path

import typst


def main(source: str, data: str, out: str) -> None:
    """Sets ``source`` with the JSON of the file ``data`` as its input ``data``."""
    inputs = {"data": Path(data).read_text(encoding="utf-8")}
    Path(out).write_bytes(typst.compile(source, sys_inputs=inputs, ignore_system_fonts=True))


if __name__ == "__main__":
    main(*sys.argv[1:4])
