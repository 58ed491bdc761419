"""Small things about operating-system processes."""

import contextlib
import ctypes
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

_PR_SET_PDEATHSIG = 1  # prctl(2)
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def dies_with_parent(signal_number: int) -> Callable[[], None] | None:
    """A preexec function: the child gets this signal when the thread that started it ends.

    Linux only (prctl(2), PR_SET_PDEATHSIG); None elsewhere, where the next start tidies up.
    """
    if _libc is None:
        return None
    parent = os.getpid()

    def ask() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal_number)
        if os.getppid() != parent:  # it ended before we could ask
            os.kill(os.getpid(), signal.SIGKILL)

    return ask


def follow_parent(signal_number: int) -> None:
    """Get this signal when our parent ends (Linux)."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal_number)


def command_line(pid: int) -> str:
    """The command line of a living process, or an empty text."""
    if sys.platform == "linux":
        try:
            text = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
        except OSError:
            return ""
        return text.decode(errors="replace").strip()
    command = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()


def command_line_has(pid: int, text: str) -> bool:
    """Whether the process lives and its command line contains the text."""
    return text in command_line(pid)


def children(pid: int) -> list[str]:
    """The command lines of a process' children; empty where the system does not list them (only Linux does, proc(5))."""
    try:
        numbers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [command_line(int(number)) for number in numbers]


def start_time(pid: int) -> str:
    """When a living process began, in the system's own words: with the pid it names one process.

    An empty text when there is no such process.
    """
    if sys.platform == "linux":
        try:
            # proc(5): field 22, counted after the name, which may itself hold spaces and brackets
            after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return ""
        return "" if after_name[0] == "Z" else after_name[19]
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()


def name(pid: int) -> str:
    """A name for a living process that no other has had: machine, set of process numbers, number, beginning."""
    return f"{_here()}/{pid}/{start_time(pid).replace(' ', '_')}"


def is_gone(process_name: str) -> bool:
    """Whether the process of that `name` has ended; False where it is another machine's, which we cannot see."""
    here, _, rest = process_name.partition("/")
    pid, _, began = rest.partition("/")
    if here != _here() or not pid.isdecimal() or not began:
        return False
    return start_time(int(pid)).replace(" ", "_") != began


def _here() -> str:
    # Containers may share a machine's name without sharing its process numbers: pid_namespaces(7).
    try:
        space = os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        space = 0
    return f"{socket.gethostname()}-{space}"


def end(pid: int, *, asking: int, forcing: int, patience: float) -> None:
    """End a process that is not our child: ask, wait `patience` seconds, then force."""
    began = start_time(pid)
    for number, seconds in ((asking, patience), (forcing, 5.0), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not began or start_time(pid) != began:
                return
            time.sleep(0.02)


def end_marked(name: str, value: str) -> None:
    """End the processes whose environment holds name=value: a former run's, and nobody else's."""
    import psutil

    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(name) == value:
                found.append(process)
                process.terminate()
                process.resume()  # one that was stopped would never hear of it
    left = psutil.wait_procs(found, timeout=3)[1]
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=4)


def leave(code: int) -> NoReturn:
    """Ends this process without taking its memory apart: a second of computing, and on a busy machine more than a stop may take."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
