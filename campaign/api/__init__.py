"""JSON out: public, cacheable counts."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Adds the feature's routes, jobs and handlers."""
