"""`python worker.py`: the RQ workers and the scheduler; see campaign/engines/workers.py."""

import argparse
import sys

from campaign import create_app, engines
from campaign.cli import database
from campaign.config import QUEUES, ConfigError
from campaign.engines import processes


def main() -> int:
    """Run what the command line asks for until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(description="Sends mail and does what is due.")
    parser.add_argument("--queues", metavar="A,B", help="run one worker, for these queues only")
    parser.add_argument("--no-cron", action="store_true", help="leave out the scheduler")
    options = parser.parse_args()
    names = options.queues.split(",") if options.queues else []
    if unknown := [name for name in names if name not in QUEUES]:
        parser.error(f"no queue is called {unknown[0]!r}; there are {', '.join(QUEUES)}")
    try:
        app = create_app()
        database.require_ready(app)
    except ConfigError as error:
        sys.exit(str(error))
    from campaign.engines import workers  # most of what it needs is here by now, see create_app

    if names:
        workers.run_worker(app, names)
        return 0
    return workers.run_all(app, cron=not options.no_cron)


if __name__ == "__main__":
    code = main()
    engines.release()
    processes.leave(code)
