"""Whether this process has been asked to stop; long jobs look between two steps."""

_requested = False


def requested() -> bool:
    """True once SIGTERM or SIGINT has come: finish the step in hand and return."""
    return _requested


def request() -> None:
    """Remember the wish; signal handlers call this."""
    global _requested
    _requested = True
