"""A large paper, set a hundred letters at a time and put together: memory stays flat, and progress can be told.

Set twice: the first time tells on which page everything stands and how many pages there are, the second time prints it.
"""

import io
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from pypdf import PdfReader
from pypdf.generic import Destination

from campaign.papers.joining import Row, joined

GROUP = 100
"""Letters that are set at once; a paper with no more is set in one go."""

Compile = Callable[[dict[str, Any]], bytes]
Told = Callable[[int], None]


class _Part(NamedTuple):
    """What is set at once, the heading that it opens with (empty for none), and how many letters are set after it."""

    data: dict[str, Any]
    title: str
    done: int


def assemble(data: dict[str, Any], set_: Compile, told: Told) -> bytes:
    """The PDF of ``data`` as templates/papers/paper.typ reads it; ``told`` hears how many letters are set.

    The first round counts as half of them.
    """
    letters = data["letters"]
    if len(letters) <= GROUP:
        return set_(data)
    parts = list(_parts(data))
    rows: list[Row] = []
    starts: list[int] = []
    page = 1
    for part in parts:
        reader = _reader(set_(_only(data, part.data)))
        starts.append(page)
        # A part that goes on has no heading of the first level, so that its bookmarks have no level of their own.
        found = _headings(reader)
        rows += [Row(1 if title == part.title else 2, title, page + at) for title, at in found]
        page += len(reader.pages)
        told(part.done // 2)
    front, rows = _front(data, rows, page - 1, set_)
    before = len(front.pages)
    total = before + page - 1
    readers = [front]
    for part, start in zip(parts, starts, strict=True):
        number = {"first": before + start, "total": total}
        readers.append(_reader(set_(_only(data, part.data | number))))
        told((len(letters) + part.done) // 2)
    return joined(readers, rows, data["title"], data["lead"])


def _parts(data: dict[str, Any]) -> Iterator[_Part]:
    letters = data["letters"]
    if data["petition"] is not None:
        yield _Part({"petition": data["petition"]}, data["words"]["petition"], 0)
    for start in range(0, len(letters), GROUP):
        group = letters[start : start + GROUP]
        part = {"letters": group, "goes_on": start > 0}
        yield _Part(part, "" if start else data["words"]["letters"], start + len(group))
    if data["cosigners"]:
        yield _Part({"cosigners": data["cosigners"]}, data["words"]["cosigners"], len(letters))


def _front(
    data: dict[str, Any], body: list[Row], pages: int, set_: Compile
) -> tuple[PdfReader, list[Row]]:
    """The form, the cover letter and the contents, which list themselves too, and the rows with their final pages."""
    before = 0
    own: list[Row] = []
    while True:
        rows = own + [row._replace(page=row.page + before) for row in body]
        front = {
            **data, "petition": None, "letters": [], "cosigners": [], "total": before + pages,
            "rows": [row._asdict() for row in rows],
        }  # fmt: skip
        reader = _reader(set_(front))
        found = [Row(1, title, 1 + at) for title, at in _headings(reader)]
        if len(reader.pages) == before and found == own:
            return reader, rows
        before, own = len(reader.pages), found


def _only(data: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    nothing: dict[str, Any] = {
        "form": None, "cover": None, "contents": False, "petition": None, "letters": [], "cosigners": [],
    }  # fmt: skip
    return {**data, **nothing, **part}


def _reader(pdf: bytes) -> PdfReader:
    return PdfReader(io.BytesIO(pdf))


def pages(pdf: bytes) -> int:
    """How many pages a PDF has."""
    return _reader(pdf).get_num_pages()


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
