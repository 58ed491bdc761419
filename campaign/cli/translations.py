"""`make messages` and the translation part of `make check`: every text in every language.

python -m campaign.cli.translations update|compile|check
"""

import io
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = ("es",)
KEYWORDS = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "lazy_gettext": None,
    "lazy_ngettext": (1, 2),
    "lazy_pgettext": ((1, "c"), 2),
    "_l": None,
    "N_": None,
}


def extracted() -> Catalog:
    """All texts in the code and the templates, as a catalog without translations."""
    catalog = Catalog(project="campaign", charset="utf-8", fuzzy=False)
    for folder in ("campaign", "templates"):
        found = extract_from_dir(
            ROOT / folder,
            method_map=[
                ("**.py", "python"),
                ("**.html", "jinja2"),
                ("**.txt", "jinja2"),
                ("**.mjml", "jinja2"),
            ],
            options_map={"**.html": {"trimmed": "true"}, "**.txt": {"trimmed": "true"}},
            keywords=KEYWORDS,
            comment_tags=("Translators:",),
            strip_comment_tags=True,
        )
        for filename, _line, message, comments, context in found:
            # No line numbers: they would change the file with every edit of the code.
            place = (f"{folder}/{filename}", 0)
            catalog.add(message, None, [place], auto_comments=comments, context=context)
    return catalog


def po_file(language: str) -> Path:
    """Where the translations of a language are kept."""
    return ROOT / "translations" / language / "LC_MESSAGES" / "messages.po"


def read(language: str) -> Catalog:
    """The kept translations; an empty catalog where there are none yet."""
    path = po_file(language)
    if not path.exists():
        return Catalog(locale=language, project="campaign", charset="utf-8", fuzzy=False)
    with path.open("rb") as file:
        return read_po(file, locale=language, charset="utf-8")


def update(language: str) -> None:
    """Bring new texts into the .po file, drop what is no longer said, and compile."""
    catalog = read(language)
    catalog.update(extracted(), no_fuzzy_matching=True)
    catalog.obsolete.clear()
    path = po_file(language)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(
            file, catalog, width=100, sort_output=True, omit_header=False, include_lineno=False
        )
    compile_(language)


def compiled(language: str) -> bytes:
    """The .mo file's bytes."""
    output = io.BytesIO()
    write_mo(output, read(language))
    return output.getvalue()


def compile_(language: str) -> None:
    """Write the .mo file, which the application reads."""
    po_file(language).with_suffix(".mo").write_bytes(compiled(language))


def problems(language: str) -> list[str]:
    """One line for each text that is missing, uncertain, wrong in its placeholders, or stale."""
    kept, lines = read(language), []
    for message in extracted():
        if not message.id:
            continue
        said = message.id[0] if isinstance(message.id, tuple) else message.id
        where = message.locations[0][0] if message.locations else "?"
        name = f"{language}: {said!r} ({where})"
        translated = kept.get(message.id, message.context)
        strings = translated.string if translated else ""
        complete = all(strings) if isinstance(strings, (tuple, list)) else bool(strings)
        if translated is None or not strings or not complete:
            lines.append(f"not translated: {name}")
        elif translated.fuzzy:
            lines.append(f"uncertain: {name}")
        else:
            lines += [f"{error}: {name}" for error in translated.check(kept)]
    mo = po_file(language).with_suffix(".mo")
    if not lines and (not mo.exists() or mo.read_bytes() != compiled(language)):
        lines.append(f"{language}: the .mo file is older than the .po file: run make messages")
    return lines


def main() -> None:
    """Do what the command line says for every language."""
    action = sys.argv[1] if len(sys.argv) == 2 else ""
    if action not in ("update", "compile", "check"):
        sys.exit("usage: python -m campaign.cli.translations update|compile|check")
    wrong: list[str] = []
    for language in LANGUAGES:
        if action == "update":
            update(language)
        elif action == "compile":
            compile_(language)
        lines = problems(language)
        print("\n".join(lines) or f"{language}: every text is translated.")
        wrong += lines
    if action == "check" and wrong:
        sys.exit(1)


if __name__ == "__main__":
    main()
