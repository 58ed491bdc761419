"""The link that is a signer's key to a page of their own. It does not expire, since people keep old mail."""

from campaign.web import languages, tokens

PURPOSE = "endorsement"


def own_page_token(endorsement_id: int) -> str:
    """The key to the page of the sending of the form that this endorsement came with."""
    return tokens.sign(PURPOSE, endorsement_id)


def own_page_link(endorsement_id: int, language: str) -> str:
    """The page's address, for mail and for pages that only the signer sees."""
    return languages.external(
        "endorsements.own_page", language, token=own_page_token(endorsement_id)
    )


def read_own_page(token: str) -> int:
    """The endorsement's number; raises tokens.BadToken."""
    payload = tokens.read(PURPOSE, token)
    if not isinstance(payload, int):
        raise tokens.BadToken
    return payload
