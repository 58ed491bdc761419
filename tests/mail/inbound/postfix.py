"""A Postfix of the test's own, from Debian's package: its configuration, queue and log in a folder that is thrown away."""

import os
import shutil
import socket
import socketserver
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
myhostname = mx.there.example
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mydestination = there.example
local_recipient_maps =
alias_maps =
virtual_mailbox_domains = strict.example
virtual_mailbox_maps = inline:{{ known@strict.example=x }}
transport_maps = inline:{{ {{ known@there.example = discard: }}, {{ grey@there.example = discard: }},
    {{ {domain} = smtp:[127.0.0.1]:{inbound} }} }}
smtpd_recipient_restrictions = check_policy_service inet:127.0.0.1:{policy}, permit
mynetworks = 127.0.0.0/8
disable_dns_lookups = yes
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 2s
"""

MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def missing() -> str:
    """Why there can be no Postfix here; empty where there can."""
    if not shutil.which("postfix", path=f"{os.environ.get('PATH', '')}:/usr/sbin"):
        return "Debian's postfix is not installed: apt install postfix"
    if os.geteuid() != 0:
        return "Postfix' master can only be started by root"
    return ""


class _Greylist(socketserver.StreamRequestHandler):
    """Postfix' policy delegation protocol: the first try for ``grey@`` is put off, the next is let through."""

    def handle(self) -> None:
        asked: dict[str, str] = {}
        for line in self.rfile:
            name, _, value = line.decode().strip().partition("=")
            if name:
                asked[name] = value
                continue
            seen: set[str] = self.server.seen  # type: ignore[attr-defined]  # set below
            new = asked["recipient"].startswith("grey@") and asked["recipient"] not in seen
            seen.add(asked["recipient"])
            action = "450 4.2.0 Greylisted, come back later" if new else "dunno"
            self.wfile.write(f"action={action}\n\n".encode())
            asked = {}


class _Policy(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def _free_port() -> int:
    """A port that nobody uses now; another process may take it before Postfix does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start(folder: Path, values: dict[str, object]) -> int:
    """Starts it, at another port where the first is taken meanwhile, and gives the port."""
    command = ["/usr/sbin/postfix", "-c", str(folder / "etc"), "start"]
    for _ in range(5):
        port = _free_port()
        (folder / "etc/master.cf").write_text(MASTER.format(**values, port=port))
        done = subprocess.run(command, check=False, timeout=30, capture_output=True, text=True)
        if done.returncode == 0:
            return port
    raise AssertionError(done.stderr + (folder / "log").read_text())


@contextmanager
def running(domain: str, inbound: int) -> Iterator[int]:
    """Runs it and gives its port: it takes mail for ``there.example``, knows ``known@`` and ``grey@`` there and nobody
    else, and hands mail for ``domain`` to the port ``inbound``."""
    folder = Path(tempfile.mkdtemp(prefix="postfix-", dir="/tmp"))
    folder.chmod(0o755)
    policy = _Policy(("127.0.0.1", 0), _Greylist)
    policy.seen = set()  # type: ignore[attr-defined]  # what the handler asks
    threading.Thread(target=policy.serve_forever, daemon=True).start()
    for name in ("etc", "queue", "data"):
        (folder / name).mkdir()
    shutil.chown(folder / "data", "postfix")
    values: dict[str, object] = {
        "folder": folder, "domain": domain, "inbound": inbound, "policy": policy.server_address[1],
    }  # fmt: skip
    (folder / "etc/main.cf").write_text(MAIN.format(**values))
    try:
        yield _start(folder, values)
    finally:
        stop = ["/usr/sbin/postfix", "-c", str(folder / "etc"), "stop"]
        subprocess.run(stop, check=False, timeout=30, capture_output=True)
        policy.shutdown()
        policy.server_close()
        shutil.rmtree(folder, ignore_errors=True)
