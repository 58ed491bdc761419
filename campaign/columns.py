"""The column types that all tables share."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ColumnElement,
    DateTime,
    ForeignKey,
    Identity,
    func,
    literal,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import mapped_column

Id = Annotated[int, mapped_column(BigInteger, Identity(), primary_key=True)]
"""A row's number; never shown as a count and never reused."""

Moment = Annotated[datetime, mapped_column(DateTime(timezone=True))]
"""A timezone-aware time."""

Texts = Annotated[dict[str, str], mapped_column(JSONB)]
"""One text in several languages: {"en": "…", "es": "…"}."""


def reference(target: str, **options: object) -> ForeignKey:
    """A foreign key to another table's ``id``, named by table so that no feature imports another's tables."""
    return ForeignKey(f"{target}.id", **options)  # type: ignore[arg-type]  # pass-through options


def one_of(column: str, values: Iterable[str]) -> CheckConstraint:
    """A constraint that keeps ``column`` to a fixed list of words."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


def among(column: Any, numbers: Iterable[int]) -> ColumnElement[bool]:
    """Whether ``column`` is one of the numbers: one array, so that the statement stays the same for any number of them."""
    return column == func.any(literal(list(numbers), ARRAY(BigInteger)))


def array(numbers: Iterable[int]) -> str:
    """Numbers as PostgreSQL reads an array of them; psycopg takes its time over a list."""
    return "{" + ",".join(map(str, numbers)) + "}"
