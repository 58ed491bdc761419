"""Markdown as the simple blocks that templates/papers/paper.typ sets: headings, paragraphs, items, quotes."""

from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

_reader = MarkdownIt("commonmark", {"html": False})


def blocks(text: str) -> list[dict[str, Any]]:
    """The blocks of a Markdown text, in order; what paper cannot show (images, raw HTML) is left out."""
    found: list[dict[str, Any]] = []
    lists: list[int | None] = []
    quotes = 0
    heading = False
    for token in _reader.parse(text):
        match token.type:
            case "bullet_list_open":
                lists.append(None)
            case "ordered_list_open":
                lists.append(int(token.attrGet("start") or 1) - 1)
            case "bullet_list_close" | "ordered_list_close":
                lists.pop()
            case "list_item_open" if lists and lists[-1] is not None:
                lists[-1] += 1
            case "blockquote_open":
                quotes += 1
            case "blockquote_close":
                quotes -= 1
            case "heading_open" | "heading_close":
                heading = token.type == "heading_open"
            case "hr":
                found.append({"kind": "rule"})
            case "inline":
                found.append(_block(token, lists, bool(quotes), heading))
    return found


def _block(token: Token, lists: list[int | None], quote: bool, heading: bool) -> dict[str, Any]:
    one: dict[str, Any] = {"kind": "par", "runs": _runs(token.children or [])}
    if heading:
        one["kind"] = "heading"
    elif lists:
        number = lists[-1]
        mark = "•" if number is None else f"{number}."
        one |= {"kind": "item", "depth": len(lists), "mark": mark}
    elif quote:
        one["kind"] = "quote"
    return one


def _runs(children: list[Token]) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = []
    strong = em = 0
    for token in children:
        match token.type:
            case "strong_open" | "strong_close":
                strong += token.nesting
            case "em_open" | "em_close":
                em += token.nesting
            case "text" | "code_inline":
                runs.append({"text": token.content, "strong": strong > 0, "em": em > 0})
            case "softbreak":
                runs.append({"text": " "})
            case "hardbreak":
                runs.append({"text": "", "break": True})
    return runs
