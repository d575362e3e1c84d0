"""A real PostgreSQL for the tests, and a ledger on each database."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from mlops_assets.ledger import Ledger, open_ledger


def _binary(name: str) -> str | None:
    found = shutil.which(name)
    if found:
        return found
    candidates = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}")) if Path("/usr/lib/postgresql").is_dir() else []
    return str(candidates[-1]) if candidates else None


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """URL (without a database name) of a PostgreSQL cluster that lives as long as the tests; it refuses to run as root."""
    initdb, pg_ctl = _binary("initdb"), _binary("pg_ctl")
    if not initdb or not pg_ctl:
        pytest.skip("initdb and pg_ctl are not installed, so PostgreSQL is not tested here")
    user: list[str] = []
    folder = Path(tempfile.mkdtemp(prefix="mlops-pg-"))
    if os.geteuid() == 0:
        name = "postgres" if subprocess.run(["id", "postgres"], capture_output=True).returncode == 0 else "nobody"
        shutil.chown(folder, name)
        user = [
            "setpriv",
            f"--reuid={name}",
            f"--regid={subprocess.check_output(['id', '-gn', name], text=True).strip()}",
            "--clear-groups",
        ]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = folder / "data"
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    make = [*user, initdb, "-D", str(data), "-U", "mlops", "--auth=trust", "-E", "UTF8", "--no-sync"]
    subprocess.run(make, check=True, capture_output=True, env=environment, cwd="/")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -k {folder} -c fsync=off -c max_connections=60"
    start = [*user, pg_ctl, "-D", str(data), "-w", "-l", str(folder / "log"), "-o", options, "start"]
    subprocess.run(start, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment, cwd="/")
    try:
        yield f"postgresql://mlops@127.0.0.1:{port}"
    finally:
        subprocess.run([*user, pg_ctl, "-D", str(data), "-m", "immediate", "stop"], capture_output=True, env=environment, cwd="/")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgresql_database(postgresql: str) -> Iterator[str]:
    """URL of an empty database, dropped afterwards."""
    import psycopg

    name = f"ledger_{uuid4().hex[:12]}"
    with psycopg.connect(f"{postgresql}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield f"{postgresql}/{name}"
    with psycopg.connect(f"{postgresql}/postgres", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    return str(request.getfixturevalue("postgresql_database"))


@pytest.fixture
def opened(url: str, tmp_path: Path) -> Iterator[Callable[..., Ledger]]:
    """Opens the ledger at ``url`` with checkpoints beside the test; closes what was opened."""
    ledgers: list[Ledger] = []

    def open_one(environment: str = "dev", **options: object) -> Ledger:
        ledger = open_ledger(url, environment=environment, checkpoints=tmp_path / "checkpoints", **options)  # type: ignore[arg-type]
        ledgers.append(ledger)
        return ledger

    yield open_one
    for ledger in ledgers:
        ledger.close()
