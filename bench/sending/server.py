"""Postfix's test tools in C: the server that takes everything, and the client that renders and records nothing."""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator

from bench.sending.waiting import reachable, wait_for

SIZE = 8000


@contextlib.contextmanager
def sink(port: int, pipelining: bool = True) -> Iterator[None]:
    """smtp-sink on ``port``."""
    command = ["smtp-sink", *([] if pipelining else ["-p"])]
    if os.geteuid() == 0:
        command += ["-u", "nobody"]
    process = subprocess.Popen(
        [*command, f"127.0.0.1:{port}", "1000"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: reachable(port), 10)
        yield
    finally:
        process.terminate()
        process.wait()


def smtp_source(port: int, n: int) -> float:
    """Messages a second of ``smtp-source -d -s 4 -l 8000``."""
    start = time.perf_counter()
    subprocess.run(
        ["smtp-source", "-d", "-s", "4", "-l", str(SIZE), "-m", str(n), "-f", "a@coalition.example",
         "-t", "b@there.example", f"127.0.0.1:{port}"],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return n / (time.perf_counter() - start)
