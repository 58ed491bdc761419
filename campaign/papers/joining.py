"""Parts of one PDF put together, with what makes it a good one: bookmarks, a linked table of contents, and the tags
by which a screen reader reads it (ISO 32000-1, 14.7), which a plain concatenation of pages loses.
"""

import io
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from pypdf import PdfReader, PdfWriter
from pypdf.generic import (
    ArrayObject,
    BooleanObject,
    DictionaryObject,
    NameObject,
    NullObject,
    NumberObject,
    TextStringObject,
)

LINK = "page:"
"""What a link inside the paper begins with while its parts are apart; a page number follows."""


class Row(NamedTuple):
    """A heading of the finished paper: level 1 or 2, and the page (from 1) that it stands on."""

    level: int
    title: str
    page: int


def joined(parts: Sequence[PdfReader], rows: Sequence[Row], title: str, author: str) -> bytes:
    """One PDF of all parts, in English, with ``rows`` as its bookmarks."""
    writer = PdfWriter()
    for one in parts:
        writer.append(one, import_outline=False)
    _tag(writer, parts)
    _link(writer)
    above: Any = None
    for row in rows:
        item = writer.add_outline_item(
            title=row.title, page_number=row.page - 1, parent=above if row.level > 1 else None, is_open=False
        )  # fmt: skip
        if row.level == 1:
            above = item
    writer.add_metadata({"/Title": title, "/Author": author})
    root = writer.root_object
    root[NameObject("/Lang")] = TextStringObject("en")
    root[NameObject("/ViewerPreferences")] = DictionaryObject(
        {NameObject("/DisplayDocTitle"): BooleanObject(True)}
    )
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _tag(writer: PdfWriter, parts: Sequence[PdfReader]) -> None:
    """One structure tree of all parts' trees, each below it as a part, and one parent tree with keys of its own."""
    document = _new(writer, {"/Type": NameObject("/StructElem"), "/S": NameObject("/Document")})
    kids, keys, roles = ArrayObject(), ArrayObject(), DictionaryObject()
    key = 0
    pages = iter(writer.pages)
    for part in parts:
        source_tree: Any = part.root_object["/StructTreeRoot"]
        tree = source_tree.clone(writer)
        for kid in tree["/K"]:
            kid.get_object()[NameObject("/S")] = NameObject("/Part")
            kid.get_object()[NameObject("/P")] = document
            kids.append(kid)
        for number, parents in _numbers(tree["/ParentTree"]):
            keys += [NumberObject(number + key), parents]
        roles.update(tree.get("/RoleMap", {}))
        for source in part.pages:
            _number(next(pages), source, key)
        key += int(tree["/ParentTreeNextKey"])
        # What still points to the part's own root would keep its trees in the file.
        tree.clear()
    document.get_object()[NameObject("/K")] = kids
    parents = _new(writer, {"/Nums": keys})
    root = {
        "/Type": NameObject("/StructTreeRoot"), "/K": ArrayObject([document]), "/ParentTree": parents,
        "/ParentTreeNextKey": NumberObject(key), "/RoleMap": roles,
    }  # fmt: skip
    tree = _new(writer, root)
    document.get_object()[NameObject("/P")] = tree
    writer.root_object[NameObject("/StructTreeRoot")] = tree
    writer.root_object[NameObject("/MarkInfo")] = DictionaryObject(
        {NameObject("/Marked"): BooleanObject(True)}
    )


def _new(writer: PdfWriter, entries: dict[str, Any]) -> Any:
    made = DictionaryObject({NameObject(name): value for name, value in entries.items()})
    return writer._add_object(made)


def _numbers(node: Any) -> Iterator[tuple[int, Any]]:
    """The entries of a number tree (ISO 32000-1, 7.9.7)."""
    node = node.get_object()
    for kid in node.get("/Kids", ()):
        yield from _numbers(kid)
    entries = iter(node.get("/Nums", ()))
    yield from ((int(number), value) for number, value in zip(entries, entries, strict=True))


def _number(page: Any, source: Any, key: int) -> None:
    """A page's own key, which pypdf leaves out, and those of its links, in the joint parent tree."""
    if "/StructParents" in source:
        page[NameObject("/StructParents")] = NumberObject(int(source["/StructParents"]) + key)
    for one in page.get("/Annots", ()):
        link = one.get_object()
        if "/StructParent" in link:
            link[NameObject("/StructParent")] = NumberObject(int(link["/StructParent"]) + key)


def _link(writer: PdfWriter) -> None:
    """Links to ``page:12`` lead there."""
    for page in writer.pages:
        for one in page.get("/Annots", ()):
            link: Any = one.get_object()
            address = str(link.get("/A", {}).get("/URI", ""))
            if address.startswith(LINK):
                to = writer.pages[int(address.removeprefix(LINK)) - 1].indirect_reference
                del link["/A"]
                link[NameObject("/Dest")] = ArrayObject(
                    [to, NameObject("/XYZ"), NullObject(), NullObject(), NullObject()]
                )
