"""Markdown files with front matter, one a language, read strictly: the form in which organizers keep campaigns.

``<stem>.<language>.md`` begins with YAML between ``---`` lines. Translated keys stand in every language's file, the
others in the first language's alone. A key that nobody knows, a language that is missing or a value of the wrong kind
is refused with the file's name and the reason, so that a slip of the pen never goes unseen.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from frontmatter.default_handlers import YAMLHandler, yaml

_FILE = re.compile(r"^(?P<stem>.+)\.(?P<language>[a-z]{2,3})\.md$")
_yaml = YAMLHandler()
LANGUAGE = "en"
"""The language whose file holds the keys that are not translated."""


class FileRefused(ValueError):
    """A file of a campaign folder cannot be used; the text names the file and says why."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path.parent.name}/{path.name}: {reason}")
        self.path = path
        self.reason = reason


@dataclass(frozen=True)
class Keys:
    """Which keys a kind of file has: ``{key: type}``; those in ``optional`` may be left out, ``repeated`` ones may
    stand in every file and must say the same."""

    shared: Mapping[str, type]
    translated: Mapping[str, type]
    optional: Collection[str] = ()
    repeated: Collection[str] = ()


@dataclass
class Entry:
    """What the files of one stem say: ``shared`` values, ``texts`` by key and language, ``body`` by language."""

    path: Path
    """The first language's file, for naming it in a refusal."""
    shared: dict[str, Any] = field(default_factory=dict)
    texts: dict[str, dict[str, Any]] = field(default_factory=dict)
    body: dict[str, str] = field(default_factory=dict)

    def refuse(self, reason: str) -> FileRefused:
        """The refusal of this entry, for raising."""
        return FileRefused(self.path, reason)


def stems(folder: Path) -> list[str]:
    """The stems of the folder's Markdown files, in order of name; a file without a language is refused."""
    found = set()
    for path in sorted(folder.glob("*.md")):
        match = _FILE.match(path.name)
        if match is None:
            raise FileRefused(path, "the name must end in a language and .md, like petition.en.md.")
        found.add(match["stem"])
    return sorted(found)


def read(folder: Path, stem: str, keys: Keys, languages: Sequence[str] | None = None) -> Entry:
    """Reads ``<stem>.<language>.md`` in every language.

    ``languages`` None takes them from the key ``languages`` of the English file. Raises FileRefused.
    """
    first = folder / f"{stem}.{LANGUAGE}.md"
    front, body = _split(first)
    if languages is None:
        languages = (
            front.get("languages") if isinstance(front.get("languages"), list) else [LANGUAGE]
        )
        assert languages is not None
    for extra in sorted(folder.glob(f"{stem}.*.md")):
        match = _FILE.match(extra.name)
        if match and match["stem"] == stem and match["language"] not in languages:
            raise FileRefused(
                extra, f"the campaign's languages are {', '.join(map(str, languages))}."
            )
    entry = Entry(first, body={LANGUAGE: body})
    entry.shared = _values(first, front, keys.shared, keys.optional)
    _no_others(first, front, {*keys.shared, *keys.translated})
    for language in languages:
        path = folder / f"{stem}.{language}.md"
        if language != LANGUAGE:
            front, entry.body[language] = _split(path)
            _no_others(path, front, {*keys.translated, *keys.repeated}, set(keys.shared))
            for key in keys.repeated:
                if key in front and front[key] != entry.shared.get(key):
                    raise FileRefused(path, f"{key} must be the same as in {first.name}.")
        for key, value in _values(path, front, keys.translated, keys.optional).items():
            entry.texts.setdefault(key, {})[language] = value
    return entry


def _split(path: Path) -> tuple[dict[str, Any], str]:
    try:
        text = path.read_text(encoding="utf-8-sig").replace("\r\n", "\n")
    except FileNotFoundError:
        raise FileRefused(path, "the file is missing.") from None
    except OSError as error:
        raise FileRefused(path, f"it cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise FileRefused(path, "it is not UTF-8 text.") from error
    try:
        if not _yaml.detect(text):
            raise ValueError
        front_text, body = _yaml.split(text)
    except ValueError:
        raise FileRefused(
            path, "it must begin with front matter between two lines of ---."
        ) from None
    try:
        front = _yaml.load(front_text) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 2}" if mark is not None else ""
        raise FileRefused(
            path, f"the front matter is not YAML{line}; put a text with a colon in quotes."
        ) from error
    if not isinstance(front, dict):
        raise FileRefused(path, "the front matter must be lines of `key: value`.")
    return front, body.strip() + "\n"


def _no_others(
    path: Path, front: Mapping[str, Any], known: set[str], elsewhere: Collection[str] = ()
) -> None:
    for key in front:
        if key in known:
            continue
        if key in elsewhere:
            raise FileRefused(path, f"{key} belongs in the {LANGUAGE} file alone.")
        raise FileRefused(
            path, f"the key {key!r} is not known; known are {', '.join(sorted(known))}."
        )


def _values(
    path: Path, front: Mapping[str, Any], keys: Mapping[str, type], optional: Collection[str]
) -> dict[str, Any]:
    values = {}
    for key, kind in keys.items():
        value = front.get(key)
        if value is None or value == "":
            if key not in optional:
                raise FileRefused(path, f"the key {key} is missing.")
            continue
        values[key] = _checked(path, key, value, kind)
    return values


_SAYS = {str: "a text", int: "a whole number", date: "a date like 2026-09-01", list: "a list"}


def _checked(path: Path, key: str, value: Any, kind: type) -> Any:
    if kind is object:
        return value
    good = isinstance(value, kind) and not (kind is int and isinstance(value, bool))
    if kind is date:
        good = type(value) is date
    if kind is list:
        good = good and all(isinstance(item, str) for item in value)
    if not good:
        raise FileRefused(
            path,
            f"{key} must be {_SAYS[kind]}; a text that looks like something else goes in quotes.",
        )
    return value.strip() if isinstance(value, str) else value
