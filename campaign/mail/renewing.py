"""The leases that this process holds: those that last are renewed."""

import threading
import time

from campaign.mail import leases


class Leases:
    """The leases a process holds, so that it can renew those that last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._since: dict[str, float] = {}

    def hold(self, owner: str) -> None:
        """Has ``owner`` renewed from now on."""
        with self._lock:
            self._since[owner] = time.monotonic()

    def drop(self, owner: str) -> None:
        """Lets it run out."""
        with self._lock:
            self._since.pop(owner, None)

    def renew(self) -> None:
        """Renews what is older than a third of its term."""
        now = time.monotonic()
        with self._lock:
            old = [owner for owner, since in self._since.items() if now - since > leases.RENEW_S]
            self._since |= dict.fromkeys(old, now)
        if old:
            leases.renew(old)


held = Leases()
