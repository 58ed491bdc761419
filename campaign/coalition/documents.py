"""Documents that people attach to petitions and updates: what they are, decided by their bytes."""

import hashlib
import io
import re
import unicodedata
import zipfile
from dataclasses import dataclass

LARGEST = 10 * 1024 * 1024
"""Bytes of one document at most."""

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
ODT = "application/vnd.oasis.opendocument.text"

TYPES = {
    "pdf": PDF,
    "docx": DOCX,
    "odt": ODT,
    "txt": "text/plain; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
}
"""What may be attached, by the ending of its name."""

KINDS = {
    PDF: "PDF",
    DOCX: "DOCX",
    ODT: "ODT",
    TYPES["txt"]: "TXT",
    TYPES["csv"]: "CSV",
    "image/png": "PNG",
    "image/jpeg": "JPEG",
}
"""How pages name a type."""


class DocumentRefused(ValueError):
    """The file cannot be attached. ``reason`` is one of: empty, large, kind, mismatch, name."""

    def __init__(self, reason: str) -> None:
        super().__init__(_SENTENCES[reason])
        self.reason = reason


_SENTENCES = {
    "empty": "the file is empty",
    "large": "the file is larger than 10 MB",
    "kind": "only PDF, DOCX, ODT, TXT, CSV, PNG and JPG files can be attached",
    "mismatch": "what is in the file is not what its name says",
    "name": "the file has no name that can stand in an address",
}


@dataclass(frozen=True)
class Checked:
    """A file that may be attached."""

    filename: str
    media_type: str
    content: bytes
    sha256: str


def check(filename: str, content: bytes) -> Checked:
    """Looks at the name's ending and at the bytes, which must agree. Raises DocumentRefused."""
    if not content:
        raise DocumentRefused("empty")
    if len(content) > LARGEST:
        raise DocumentRefused("large")
    name = safe_name(filename)
    ending = name.rpartition(".")[2].lower()
    if ending not in TYPES:
        raise DocumentRefused("kind")
    if not _looks_like(TYPES[ending], content):
        raise DocumentRefused("mismatch")
    return Checked(name, TYPES[ending], content, hashlib.sha256(content).hexdigest())


def safe_name(filename: str) -> str:
    """A file's name as it stands in its address: no folders, no spaces, only letters, digits, dots and hyphens."""
    last = re.split(r"[/\\]", filename)[-1]
    plain = unicodedata.normalize("NFKD", last).encode("ascii", "ignore").decode()
    stem, dot, ending = re.sub(r"[^A-Za-z0-9.]+", "-", plain).rpartition(".")
    stem = re.sub(r"-*\.[-.]*", ".", stem).strip("-.")[:80]
    if not (stem and dot and ending):
        raise DocumentRefused("name")
    return f"{stem}.{ending.lower()}"


def _looks_like(media_type: str, content: bytes) -> bool:
    if media_type == PDF:
        return content.startswith(b"%PDF-")
    if media_type == "image/png":
        return content.startswith(b"\x89PNG\r\n\x1a\n")
    if media_type == "image/jpeg":
        return content.startswith(b"\xff\xd8\xff")
    if media_type == DOCX:
        return _in_zip(content, "word/document.xml") is not None
    if media_type == ODT:
        return (_in_zip(content, "mimetype") or b"").startswith(ODT.encode())
    return _is_text(content)


def _in_zip(content: bytes, name: str) -> bytes | None:
    # Reads one small member's beginning at most, so that a bomb stays unopened.
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive, archive.open(name) as member:
            return member.read(200)
    except (zipfile.BadZipFile, KeyError, OSError, RuntimeError, NotImplementedError, EOFError):
        return None


def _is_text(content: bytes) -> bool:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return False
    return not any(ord(character) < 32 and character not in "\t\n\r\f" for character in text)
