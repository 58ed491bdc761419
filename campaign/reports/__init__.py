"""What is happening, at a glance: the desk's home, status, health."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Adds the feature's routes, jobs and handlers."""
