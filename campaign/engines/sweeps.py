"""RQ's cron scheduler, set up for our sweeps: what it enqueues is worth nothing later, and a wrong clock ends nothing."""

import inspect

from flask import Flask
from flask_rq import RQ
from rq.cron import CronScheduler
from rq.utils import now


def make(app: Flask) -> CronScheduler:
    """The scheduler with all registered jobs, for this process."""
    with app.app_context():
        extension: RQ = app.extensions["rq"]
        scheduler = extension.make_cron_scheduler()
    # Nobody waits for the scheduler, so it may wait for Valkey.
    scheduler.connection.connection_pool.connection_kwargs["socket_timeout"] = 3
    for job in scheduler.get_jobs():
        if job.func is not None:  # RQ would pickle Flask-RQ's wrapper, not its name
            job.func = inspect.unwrap(job.func)
        # Wake-ups that nobody took in time are worth nothing: the next one does the same.
        job.job_options.setdefault("ttl", max(30, 2 * (job.interval or 60)))
        job.job_options.setdefault("result_ttl", 0)
        job.job_options.setdefault("failure_ttl", 3600)
    enqueue_jobs = scheduler.enqueue_jobs

    def enqueue_due() -> list[object]:
        _forget_the_future(scheduler)
        return list(enqueue_jobs())

    vars(scheduler)["enqueue_jobs"] = enqueue_due
    return scheduler


def _forget_the_future(scheduler: CronScheduler) -> None:
    """What ran at a time that has not come is due: a clock was ahead and has been set back, and RQ would wait until then."""
    current = now()
    for job in scheduler.get_jobs():
        if job.latest_enqueue_time is not None and job.latest_enqueue_time > current:
            job.next_enqueue_time = current
