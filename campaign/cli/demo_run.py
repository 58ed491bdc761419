"""`campaign demo`: the main job proved without a person, on an instance of its own, through HTTP and SMTP alone."""

import signal
import sys
from types import FrameType
from typing import Any

from campaign.config import ConfigError
from campaign.demonstration import failing
from campaign.demonstration.failing import Failed
from campaign.demonstration.instance import Instance
from campaign.demonstration.mailserver import MailServer
from campaign.demonstration.people import cast
from campaign.demonstration.report import Checks, Progress, last_line
from campaign.demonstration.script import Play

SUPPORTERS = 200


def run(supporters: int = SUPPORTERS, keep: bool = False) -> None:
    """Plays it and leaves with exit code 0 only where everything happened that should.

    Prints what is going on, a table of the checks, and as the last line one JSON object of counts. Data and processes
    are gone afterwards; only after a failure, or with ``keep``, the data folder stays.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    progress = Progress()
    people = cast(supporters)
    why = said = ""
    with MailServer([person.email for person in people.mistaken]) as mail:
        try:
            instance = Instance(mail.port)
        except ConfigError as error:
            sys.exit(str(error))
        play = Play(instance, mail, people, progress)
        interrupted = False
        try:
            play.run()
        except Failed as error:
            why = str(error)
        except KeyboardInterrupt:
            interrupted = True
        except BaseException as error:
            why = f"{type(error).__name__}: {error}"
            raise
        finally:
            failing.stopping.set()
            # A second Ctrl-C must not leave the site behind.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            seconds = round(progress.seconds, 1)
            if interrupted or why or play.checks.failed:
                said = instance.said(15)
            progress.say("Stopping")
            instance.stop()
            if interrupted or not (keep or why or play.checks.failed):
                instance.remove()
    if interrupted:
        sys.exit(130)
    good = not why and not play.checks.failed
    _tell(play.checks, why, said)
    if keep or not good:
        print(f"The data is kept in {instance.folder}")
    last_line(_counts(play, why, seconds))
    sys.exit(0 if good else 1)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _tell(checks: Checks, why: str, said: str) -> None:
    """The table of the checks, and after a failure what failed and what the site said last."""
    if checks.all:
        print(f"\n{checks.table()}\n")
    if not why and not checks.failed:
        return
    print(f"FAILED: {why or f'{len(checks.failed)} checks failed: {checks.failed[0].what}'}")
    if said:
        print("The last that the site said:")
        print("\n".join(f"    {line}" for line in said.splitlines()))


def _counts(play: Play, why: str, seconds: float) -> dict[str, Any]:
    """What the last line says."""
    failed = [why] if why else [check.what for check in play.checks.failed]
    counts = {
        "ok": not failed,
        "seconds": seconds,
        **play.counts,
        "checks": len(play.checks.all),
    }
    return {**counts, "failed": failed} if failed else counts
