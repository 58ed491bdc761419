"""Sets one PDF and ends: ``python typeset.py SOURCE.typ DATA.json OUT.pdf``. Imports nothing of the application.

A process of its own, because typst keeps about a megabyte a page and gives none of it back while the process lives.

With ``python typeset.py --missing`` it reads characters as a JSON list and writes those that no font here can print.
"""

import json
import re
import sys
from pathlib import Path

import typst

_NO_GLYPH = re.compile(r'the text `"(.+?)"` could not be displayed')
_ESCAPED = re.compile(r"\\u\{([0-9a-f]+)\}")


def main(source: str, data: str, out: str) -> None:
    """Sets ``source`` with the JSON of the file ``data`` as its input ``data``; fonts of the machine stand in where
    those that come with typst have no glyph."""
    inputs = {"data": Path(data).read_text(encoding="utf-8")}
    Path(out).write_bytes(typst.compile(source, sys_inputs=inputs))


def missing(characters: list[str]) -> list[str]:
    """Those characters for which no font has a glyph: the standard for archives refuses each of them by name."""
    source = '#set document(title: "-")\n#for one in json(bytes(sys.inputs.data)) [#text(one) ]\n'
    try:
        typst.compile(
            source.encode(), sys_inputs={"data": json.dumps(characters)}, pdf_standards=["a-2u"]
        )
    except typst.TypstError as error:
        named = {
            _ESCAPED.sub(lambda code: chr(int(code[1], 16)), one)
            for one in _NO_GLYPH.findall(
                "\n".join(str(part) for part in (error.diagnostic, *error.args))
            )
        }
        return [one for one in characters if one in named]
    return []


if __name__ == "__main__":
    if sys.argv[1:] == ["--missing"]:
        print(json.dumps(missing(json.load(sys.stdin))))
    else:
        main(*sys.argv[1:4])
