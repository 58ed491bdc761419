"""A large paper, set a hundred letters at a time and put together: memory stays flat, and progress can be told.

The front matter (the form, the cover letter, the contents) is numbered i, ii, iii; what the contents list from 1.
"""

import io
from collections.abc import Callable
from typing import Any

from pypdf import PdfReader, PdfWriter
from pypdf.generic import Destination

GROUP = 100
"""Letters that are set at once; a paper with no more is set in one go."""

Compile = Callable[[dict[str, Any]], bytes]
Told = Callable[[int], None]


def assemble(data: dict[str, Any], set_: Compile, told: Told) -> bytes:
    """The PDF of ``data`` as templates/papers/paper.typ reads it; ``told`` hears how many letters are set."""
    letters, words = data["letters"], data["words"]
    if len(letters) <= GROUP:
        return set_(data)
    body: list[PdfReader] = []
    rows: list[dict[str, Any]] = []
    page = 1

    def add(part: dict[str, Any], title: str) -> list[int]:
        """Sets one part; returns the pages on which its outlined headings stand, after ``title``."""
        nonlocal page
        reader = PdfReader(io.BytesIO(set_({**_empty(data), **part, "first": page})))
        if title:
            rows.append({"level": 1, "title": title, "page": page})
        found = [page + at for name, at in _headings(reader) if name != title]
        body.append(reader)
        page += len(reader.pages)
        return found

    if data["petition"] is not None:
        add({"petition": data["petition"]}, words["petition"])
    for start in range(0, len(letters), GROUP):
        group = letters[start : start + GROUP]
        pages = add({"letters": group, "goes_on": start > 0}, "" if start else words["letters"])
        rows += [
            {"level": 2, "title": one["heading"], "page": at}
            for one, at in zip(group, pages, strict=True)
        ]
        told(start + len(group))
    if data["cosigners"]:
        add({"cosigners": data["cosigners"]}, words["cosigners"])
    front = {
        **data,
        "petition": None,
        "letters": [],
        "cosigners": [],
        "rows": rows,
        "numbering": "i",
    }
    return _joined([PdfReader(io.BytesIO(set_(front))), *body], data)


def _empty(data: dict[str, Any]) -> dict[str, Any]:
    return {
        **data, "form": None, "cover": None, "contents": False, "petition": None, "letters": [], "cosigners": [],
        "numbering": "1",
    }  # fmt: skip


def _headings(reader: PdfReader) -> list[tuple[str, int]]:
    """The bookmarks in order, with the page (from 0) of each."""
    found: list[tuple[str, int]] = []
    waiting: list[Any] = list(reversed(reader.outline))
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += reversed(one)
        elif isinstance(one, Destination):
            found.append((str(one.title), reader.get_destination_page_number(one) or 0))
    return found


def _joined(parts: list[PdfReader], data: dict[str, Any]) -> bytes:
    writer = PdfWriter()
    for one in parts:
        writer.append(one)
    writer.add_metadata({"/Title": data["title"], "/Author": data["lead"]})
    writer.compress_identical_objects()
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()
