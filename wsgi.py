"""The site for a WSGI server: `granian --interface wsgi wsgi:app` or `flask --app wsgi run`."""

import gc
import sys

from campaign import create_app
from campaign.cli import database
from campaign.config import ConfigError

try:
    app = create_app()
    database.require_ready(app)
    gc.freeze()  # what the start has made stays for good
except ConfigError as error:
    sys.exit(str(error))
