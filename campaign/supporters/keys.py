"""Links that carry a supporter's key: the own page, and unsubscribing.

The payloads are row numbers. Neither link expires, because people keep old mail: a page behind one does only what
its owner may do at any time, and GET changes nothing (campaign.web.access, ``link``).
"""

from collections.abc import Callable
from functools import lru_cache

from flask import current_app

from campaign.web import languages, tokens

OWN_PAGE = "me"
UNSUBSCRIBE = "unsubscribe"
_MARK = "TOKEN"


def own_page_token(supporter_id: int) -> str:
    """The key to a supporter's own page."""
    return tokens.sign(OWN_PAGE, supporter_id)


def own_page_link(supporter_id: int, language: str) -> str:
    """The address of a supporter's own page, for mail and for pages that only its owner sees."""
    return _link("supporters.own_page", language, own_page_token(supporter_id))


def read_own_page(token: str) -> int:
    """The supporter's number; raises tokens.BadToken."""
    payload = tokens.read(OWN_PAGE, token)
    if not isinstance(payload, int):
        raise tokens.BadToken
    return payload


def unsubscribe_token(supporter_id: int, organization_id: int, alert_id: int = 0) -> str:
    """The key that ends one organization's mail to one supporter; ``organization_id`` 0 means every organization's."""
    return tokens.sign(UNSUBSCRIBE, [supporter_id, organization_id, alert_id])


def unsubscribe_link(
    supporter_id: int, organization_id: int, alert_id: int = 0, language: str = "en"
) -> str:
    """The https address for the message's foot and for ``List-Unsubscribe`` (RFC 8058)."""
    token = unsubscribe_token(supporter_id, organization_id, alert_id)
    return _link("supporters.unsubscribe", language, token)


def unsubscribe_links(organization_id: int, alert_id: int, language: str) -> Callable[[int], str]:
    """:func:`unsubscribe_link` by supporter, for the many messages of a batch."""
    before, after = _frame(
        "supporters.unsubscribe", language, current_app.config["SITE_URL"]
    ).split(_MARK)
    sign = tokens.signer(UNSUBSCRIBE)
    return lambda number: f"{before}{sign(number, organization_id, alert_id)}{after}"


def read_unsubscribe(token: str) -> tuple[int, int, int]:
    """Supporter, organization (0: all) and alert (0: none); raises tokens.BadToken."""
    payload = tokens.read(UNSUBSCRIBE, token)
    if not (
        isinstance(payload, list) and len(payload) == 3 and all(isinstance(n, int) for n in payload)
    ):
        raise tokens.BadToken
    return payload[0], payload[1], payload[2]


def _link(endpoint: str, language: str, token: str) -> str:
    return _frame(endpoint, language, current_app.config["SITE_URL"]).replace(_MARK, token)


@lru_cache(maxsize=32)
def _frame(endpoint: str, language: str, site: str) -> str:
    return languages.external(endpoint, language, token=_MARK)
