"""Each door works by itself on a new data folder: what the site needs is there when it begins."""

import shutil
import subprocess
import sys
from pathlib import Path

from campaign.engines.places import temporary_folder
from tests.engines.conftest import bare_environment

ROOT = Path(__file__).resolve().parents[2]
LOOK = "import wsgi; print(wsgi.app.test_client().get('/').status_code)"


def test_the_site_alone_makes_its_tables_and_flask_looks_after_them() -> None:
    folder = temporary_folder()
    made, known = [sys.executable, "-c", LOOK], [sys.executable, "-m", "flask", "--app", "wsgi", "db", "current"]  # fmt: skip
    try:
        site, tables = (
            subprocess.run(
                command,
                cwd=ROOT,
                env=bare_environment(folder),
                capture_output=True,
                text=True,
                timeout=120,
            )
            for command in (made, known)
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    assert site.stdout.strip().endswith("200"), site.stderr[-2000:]
    assert "(head)" in tables.stdout, tables.stderr[-2000:]


def test_a_database_that_does_not_answer_is_one_sentence(tmp_path: Path) -> None:
    environment = bare_environment(tmp_path) | {
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "SECRET_KEY": "only for tests",
    }
    for program in (["worker.py"], ["-m", "flask", "--app", "wsgi", "routes"]):
        done = subprocess.run(
            [sys.executable, *program],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert "DATABASE_URL" in done.stderr
