"""What README.md and ARCHITECTURE.md name is there: modules and what is in them, files, commands, settings."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from campaign.cli import group

ROOT = Path(__file__).resolve().parent.parent
README, ARCHITECTURE = (
    (ROOT / name).read_text("utf-8") for name in ("README.md", "ARCHITECTURE.md")
)
FLOORS = [
    "",
    *(f"{path.parent.name}." for path in sorted((ROOT / "campaign").glob("*/__init__.py"))),
]
SOURCE = "\n".join(path.read_text("utf-8") for path in (ROOT / "campaign").rglob("*.py"))


def named(text: str, pattern: str) -> list[str]:
    """Whatever stands between backticks and looks so."""
    return sorted(
        {word for word in re.findall(r"`([^`\n]+)`", text) if re.fullmatch(pattern, word)}
    )


def resolves(name: str) -> bool:
    """Whether ``campaign.name``, or ``campaign.<a floor>.name``, is a module or something in one."""
    for floor in FLOORS:
        module, found = "campaign", importlib.import_module("campaign")
        for part in f"{floor}{name}".split("."):
            try:
                found = importlib.import_module(f"{module}.{part}")
                module = f"{module}.{part}"
            except ImportError:
                found = getattr(found, part, None)  # type: ignore[assignment]  # no longer a module
        if found is not None:
            return True
    return False


@pytest.mark.parametrize("name", named(ARCHITECTURE, r"[a-z_]+(\.[A-Za-z_]+)+"))
def test_what_the_architecture_names_is_in_the_code(name: str) -> None:
    # Names of counters and columns are words of the source.
    assert (ROOT / name).exists() or resolves(name) or f'"{name}' in SOURCE or name in SOURCE


@pytest.mark.parametrize("text", [README, ARCHITECTURE], ids=["readme", "architecture"])
def test_the_files_are_there(text: str) -> None:
    for name in named(text, r"[\w.-]+/[\w./-]*|[\w-]+\.(py|md|toml|txt)"):
        if name != "var/":
            assert (ROOT / name).exists(), name


def commands(found: click.Command, before: str = "") -> Iterator[str]:
    """The command and all below it, as they are typed."""
    yield before
    if isinstance(found, click.Group):
        context = click.Context(found)
        for name in found.list_commands(context):
            below = found.get_command(context, name)
            assert below is not None
            yield from commands(below, f"{before} {name}".strip())


def test_each_command_is_told_of() -> None:
    told = README.partition("**Commands**")[2].partition("**CSV columns**")[0]
    words = {word for phrase in named(told, r"[a-z|]+( [a-z|]+)*") for word in phrase.split("|")}
    heads = {word.split()[0] for word in words}
    for name in filter(None, commands(group)):
        assert name in words or (" " not in name and name in heads), name


def test_each_setting_is_read() -> None:
    table = README.partition("**Environment**")[2].partition("**Commands**")[0]
    names = named(table, r"[A-Z_]{4,}")
    assert len(names) > 30
    read = SOURCE.replace("MAIL_RETRY_{stream.upper()}", "MAIL_RETRY_ALERTS").replace(
        "MAIL_UNCERTAIN_{stream.upper()}", "MAIL_UNCERTAIN_ALERTS"
    )
    for name in names:
        assert f'"{name}"' in read, name
