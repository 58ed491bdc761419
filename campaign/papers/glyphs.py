"""Which way a text runs, and characters that no font of this machine can print: no office gets a letter with unnoticed holes.

typst brings fonts for Latin, Greek, Cyrillic, Hebrew and Devanagari; for others the machine's own stand in where there are any.
"""

import json
import subprocess
import sys
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

TYPESET = Path(__file__).with_name("typeset.py")
LOOK_S = 60
KNOWN = 0x0250
"""From here on characters are looked up; Latin ones are there."""
NOTE = "Some characters of this letter are in a script for which the printer has no font; they stand as empty boxes."
SHOWN = 12


def runs_right_to_left(text: str) -> bool:
    """Whether the first letter of a text belongs to a script that is written from right to left."""
    first = next(
        (kind for kind in map(unicodedata.bidirectional, text) if kind in ("L", "R", "AL")), "L"
    )
    return first != "L"


def mark(letters: Iterable[dict[str, Any]]) -> str:
    """Notes on each letter that cannot be printed whole (as paper.set_letter makes them) that this is so; says in
    English how many and what to do, or nothing."""
    looked_up = {id(one): _unusual(one) for one in letters}
    missing = _missing(set().union(*looked_up.values()))
    if not missing:
        return ""
    marked = [one for one in letters if looked_up[id(one)] & missing]
    for one in marked:
        one["note"] = "\n".join(part for part in (one["note"], NOTE) if part)
    n = "1 letter has" if len(marked) == 1 else f"{len(marked):,} letters have"
    some = " ".join(sorted(missing)[:SHOWN]) + (" …" if len(missing) > SHOWN else "")
    return (
        f"{n} characters that no font of this machine can print ({some}). Install fonts for them (on Debian "
        "fonts-noto-core and fonts-noto-cjk), take this apart and make it again."
    )


def _unusual(letter: dict[str, Any]) -> set[str]:
    """The characters of a letter that need looking up; what has no shape of its own (marks, joiners) does not.

    Those for private use do: what is pasted from a text program has its bullets there.
    """
    texts = [letter["heading"], letter["subject"], *(one["text"] for one in letter["paragraphs"])]
    return {
        one
        for one in set("".join(texts))
        if ord(one) >= KNOWN
        and (unicodedata.category(one)[0] in "LNPS" or unicodedata.category(one) in ("Co", "Cn"))
    }


def _missing(characters: set[str]) -> set[str]:
    if not characters:
        return set()
    done = subprocess.run(
        [sys.executable, str(TYPESET), "--missing"], input=json.dumps(sorted(characters)),
        capture_output=True, text=True, timeout=LOOK_S, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError("typst could not say which characters it has")
    return set(json.loads(done.stdout))
