"""What every webhook must bear: documents of any shape."""

import contextlib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from campaign.mail.inbound import hooks
from campaign.mail.inbound.hooks import ses

_words = st.sampled_from(
    [
        "Bounce",
        "Complaint",
        "Permanent",
        "failed",
        "bounce",
        "5.1.1",
        "550 no",
        "\x00",
        "smtp; 550",
        "dropped",
        "605",
    ]
)
_leaf = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    _words,
    st.text(max_size=8),
    st.just("\ud800"),
)
_names = st.sampled_from(
    [
        "mail", "bounce", "complaint", "notificationType", "bounceType", "bouncedRecipients", "status", "action",
        "headers", "name", "value", "event", "reason", "type", "severity", "delivery-status", "code", "message",
        "RecordType", "Type", "Metadata", "Details", "commonHeaders", "diagnosticCode", "enhanced-code",
    ]
)  # fmt: skip
_json = st.recursive(
    _leaf,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(_names, inner, max_size=6)
    ),
    max_leaves=25,
)


@settings(max_examples=100, deadline=None)
@given(_json)
def test_whatever_a_provider_tells_is_understood_or_refused(call: Any) -> None:
    from campaign.mail.inbound.hooks import mailgun, postmark, sendgrid

    told = [mailgun._told(call), postmark._told(call, "digest"), sendgrid._told(call)]
    with contextlib.suppress(hooks.Malformed):
        told += ses._told(call)
    for one in told:
        assert isinstance(one.kind, str) and one.key.encode() is not None
        assert len(one.answer.text or "") <= 300 and "\x00" not in f"{one.answer.text}{one.key}"
        assert one.answer.code is None or 400 <= one.answer.code < 600
