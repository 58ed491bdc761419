"""Markdown as plain text that reads well in a mail program: what the HTML says, without its marks."""

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

_parser = MarkdownIt("commonmark", {"html": False})
_RULE = "-" * 30


def plain_text(markdown: str) -> str:
    """The text of ``markdown``: links keep their address, lists their marks, headings stand alone."""
    tree = SyntaxTreeNode(_parser.parse(markdown))
    return "\n\n".join(_block(child) for child in tree.children).strip() + "\n"


def _block(node: SyntaxTreeNode) -> str:
    if node.type == "heading":
        text = _inline(node)
        return f"{text}\n{('=' if node.tag == 'h1' else '-') * min(len(text), 60)}"
    if node.type == "blockquote":
        inner = "\n\n".join(_block(child) for child in node.children)
        return "\n".join(f"> {line}".rstrip() for line in inner.split("\n"))
    if node.type in ("bullet_list", "ordered_list"):
        return "\n".join(_item(node, number, child) for number, child in enumerate(node.children))
    if node.type == "hr":
        return _RULE
    if node.type in ("fence", "code_block"):
        return node.content.rstrip("\n")
    link = _lone_link(node)
    if link is not None:
        return f"{_inside(link)}:\n{link.attrs['href']}"
    return _inline(node)


def _item(parent: SyntaxTreeNode, number: int, node: SyntaxTreeNode) -> str:
    first = int(parent.attrs.get("start", 1))
    sign = "-" if parent.type == "bullet_list" else f"{first + number}."
    inner = "\n".join(_block(child) for child in node.children)
    return f"{sign} " + inner.replace("\n", "\n" + " " * (len(sign) + 1))


def _lone_link(node: SyntaxTreeNode) -> SyntaxTreeNode | None:
    """The link that is all of a paragraph."""
    if node.type != "paragraph" or len(node.children) != 1:
        return None
    inline = node.children[0].children
    return inline[0] if len(inline) == 1 and inline[0].type == "link" else None


def _inside(node: SyntaxTreeNode) -> str:
    return "".join(_inline(child) for child in node.children)


def _inline(node: SyntaxTreeNode) -> str:
    if node.type in ("text", "code_inline"):
        return node.content
    if node.type == "softbreak":
        return " "
    if node.type == "hardbreak":
        return "\n"
    inner = _inside(node)
    if node.type == "link" and node.attrs.get("href") != inner:
        return f"{inner} ({node.attrs['href']})"
    return inner
