"""What the papers' tests share with the letters': an open office, a visitor who writes to it."""

from tests.letters.conftest import campaign_id, confirm, letters, office, writer  # noqa: F401  # fixtures
