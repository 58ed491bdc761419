"""A person's data in one portable piece: what this feature knows, and what the others add."""

from typing import Any

from campaign.supporters import own_page, queries
from campaign.supporters.models import Supporter


def everything(person: Supporter) -> dict[str, Any]:
    """All that the site knows of the person, by what it is; times are UTC."""
    return {
        "person": {
            "email": person.email,
            "given_name": person.given_name,
            "family_name": person.family_name,
            "postal_code": person.postal_code,
            "state": person.state,
            "country": person.country,
            "language": person.language,
            "phone": person.phone,
            "tags": list(person.tags),
            "source": person.source,
            "known_since": person.created_at,
            "confirmed_at": person.confirmed_at,
            "alerts_stopped": queries.alert_suppression(person.email),
        },
        "consents": [
            {
                "organization": agreed.organization,
                "wording": agreed.wording,
                "source": agreed.source,
                "given_at": agreed.given_at,
                "withdrawn_at": agreed.withdrawn_at,
            }
            for agreed in queries.consents(person.id)
        ],
        "campaigns": [
            {"campaign": campaign.slug, "joined_at": at}
            for campaign, at in queries.campaigns_of(person.id)
        ],
        "sign_ups": [
            {
                "given_name": row.given_name,
                "family_name": row.family_name,
                "postal_code": row.postal_code,
                "language": row.language,
                "source": row.source,
                "consented": row.consents,
                "sent_at": row.created_at,
                "confirmed_at": row.confirmed_at,
            }
            for row in queries.sign_ups_of(person.id)
        ],
        **own_page.data(person),
    }
