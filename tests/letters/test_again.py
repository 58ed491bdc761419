"""A server that refuses for a while: what it refused comes back at the office's pace, not all at once."""

from typing import Any

import time_machine

from tests.letters.test_drip import MONDAY_NOON, WEEKDAYS


def test_what_was_refused_for_now_keeps_the_pace_when_the_server_recovers(
    office: Any, letters: Any, deliver: Any, smtp: Any, sql: Any
) -> None:
    address = "secretary@dot.example"
    with time_machine.travel(MONDAY_NOON, tick=False) as clock:
        office(**WEEKDAYS, per_hour=60)
        letters(60)
        smtp.answer = lambda to: "451 4.7.1 Come back later" if to == address else "250 OK"
        for minute in range(24):
            if minute == 12:
                assert sql("SELECT count(*) > 0 FROM delivery WHERE state = 'deferred'") == [
                    (True,)
                ]
                assert sql("SELECT count(*) FROM delivery WHERE state = 'sent'") == [(0,)]
                smtp.answer = lambda to: "250 OK"
            deliver()
            clock.shift(60)
    arrived = sql("SELECT count(*) FROM delivery WHERE state = 'sent'")[0][0]
    assert 8 <= arrived <= 13, "one a minute"
    # What was refused was tried again as the same message.
    assert sql("SELECT max(round) FROM delivery") == [(0,)]
    assert sql("SELECT max(attempts) > 1 FROM message WHERE state = 'sent'") == [(True,)]
