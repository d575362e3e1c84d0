"""Every command with every kind of mistake: 2 for bad use and bad input, 1 only for a no, and never a traceback."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from mlops_assets.cli.main import app

from .conftest import Answer, Project
from .tables import EXAMPLES, coin_flips, rows

BAD_KEY = ("--key", "mlops_000000000000_nobody")
NO_ENVIRONMENT = ("--environment", "live")

WRONG_USE: dict[str, list[tuple[str, ...]]] = {
    "check": [("check", "--gates", "nobody"), ("check", "--gate")],
    "plan": [("plan",), ("plan", "nobody")],
    "run": [
        ("run", "nobody"),
        ("run", "m", "--as-of", "soon"),
        ("run", "m", "--as-of", "2026-01-01"),
        ("run", "m", "--junit", "nowhere/x.xml"),
        ("run", "m", "--summary", "definitions"),
    ],
    "demo": [("demo",)],
    "store ls": [("store", "ls", "nobody")],
    "store history": [("store", "history", "nobody"), ("store", "history", "rows", "2026-01-01")],
    "store verify": [("store", "verify", "more")],
    "store gc": [("store", "gc", "--older-than", "long")],
    "store prune": [("store", "prune", *BAD_KEY)],
    "store erase": [("store", "erase", "id", "--reason", "asked"), ("store", "erase", "id=1", "--reason", "")],
    "store unpin": [("store", "unpin", "nobody")],
    "status": [("status", "nobody"), ("status", *NO_ENVIRONMENT)],
    "promote": [
        ("promote", "nobody"),
        ("promote", "m", "9"),
        ("promote", "m", "0"),
        ("promote", "m", *BAD_KEY),
        ("promote", "m", "--from", "live"),
        ("promote", "m", "--from", "test"),
        ("promote", "m", "9", "--from", "dev"),
    ],
    "rollback": [("rollback", "nobody"), ("rollback", "m", *BAD_KEY), ("rollback", "m", *NO_ENVIRONMENT)],
    "retire": [("retire", "nobody", "--yes"), ("retire", "m", "9", "--yes"), ("retire", "m"), ("retire", "m", "--yes", *BAD_KEY)],
    "approve": [("approve", "nobody"), ("approve", "m", "9"), ("approve", "m", "1", *BAD_KEY)],
    "reject": [("reject", "nobody"), ("reject", "m", "9"), ("reject", "m", "1", *BAD_KEY)],
    "waive": [
        ("waive", "nobody", "--gate", "leakage", "--reason", "x"),
        ("waive", "m", "--gate", "leakag", "--reason", "x"),
        ("waive", "m", "--gate", "leakage"),
        ("waive", "m", "--gate", "leakage", "--reason", "x", "--verdict", "nonsense"),
    ],
    "principals add": [
        ("principals", "add", "Two Words", "--role", "admin"),
        ("principals", "add", "ana", "--role", "boss"),
        ("principals", "add", "ana", "--role", "admin", "--expires", "soon"),
        ("principals", "add", "ana", "--role", "admin", "--expires", "2020-01-01"),
        ("principals", "add", "ana", "--role", "admin", "--scope", "everything"),
        ("principals", "add", "ana", "--role", "admin", *BAD_KEY),
    ],
    "principals list": [("principals", "list", *NO_ENVIRONMENT)],
    "principals revoke": [("principals", "revoke", "nobody")],
    "registry sync": [("registry", "sync", "nobody")],
    "audit log": [("audit", "log", "nobody"), ("audit", "log", "--kind", "promotd"), ("audit", "log", "--since", "soon")],
    "audit verify": [("audit", "verify", "--checkpoints", "/dev/null/copy"), ("audit", "verify", "--public-key", "/dev/null/copy")],
    "audit dossier": [("audit", "dossier", "nobody", "1"), ("audit", "dossier", "m", "9"), ("audit", "dossier", "m")],
    "refresh": [("refresh", "nobody"), ("refresh", "rows", "--from", "soon")],
    "reproduce": [("reproduce", "nobody", "1"), ("reproduce", "m", "9")],
    "publish": [("publish", "nobody"), ("publish", "m")],
    "serve": [("serve", "--host", "203.0.113.1"), ("serve", "--port", "99999"), ("serve", "--ready", "/dev/null/url")],
    "up": [("up", "--port", "0"), ("up", "--workers", "0"), ("up", *NO_ENVIRONMENT)],
}
"""By command, what is wrong about each of these uses."""

SETTINGS = {
    "tool.mlops is no table": "[tool]\nmlops = 3\n",
    "no TOML": "[tool.mlops\n",
    "no UTF-8": b"\xff\xfe",
    "unknown key": '[tool.mlops]\nhom = "x"\n',
    "wrong value": "[tool.mlops]\nserve_port = 99999\n",
    "wrong environment": '[tool.mlops]\nenvironment = "live"\n',
}
VARIABLES = {
    "MLOPS_CHANNELS": "ops",
    "MLOPS_SERVE_PORT": "http",
    "MLOPS_STORE_URL": "nothing://x",
    "MLOPS_KEEP_BUNDLES": '{"high": "soon"}',
}


def commands() -> set[str]:
    """Every command of `mlops`."""
    import typer.main

    found = set()
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        found |= {f"{name} {inner}" for inner in getattr(command, "commands", {})} or {name}
    return found


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, database: Path) -> Project:
    """A project with one registered version of m. No test here changes it."""
    project = Project(tmp_path_factory.mktemp("codes") / "project", database)
    project.declare("m", EXAMPLES)
    project.put("data/rows.csv", rows())
    assert project.mlops("run", "m").code == 0
    return project


def use(project: Project, monkeypatch: pytest.MonkeyPatch, *words: str) -> Answer:
    for name in [name for name in os.environ if name.startswith("MLOPS_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(project.folder)
    return project.mlops(*words)


def test_every_command_is_in_the_table() -> None:
    assert {*WRONG_USE} == commands() - {"init"}


@pytest.mark.parametrize("words", [words for found in WRONG_USE.values() for words in found], ids=" ".join)
def test_wrong_use_ends_with_two_and_says_why(trained: Project, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    answer = use(trained, monkeypatch, *words)
    assert answer.code == 2, answer.text
    assert "Traceback" not in answer.text
    assert "error" in answer.text.lower()


RIGHT = {
    "check": (),
    "plan": ("m",),
    "run": ("m",),
    "status": (),
    "promote": ("m",),
    "rollback": ("m",),
    "retire": ("m", "--yes"),
    "approve": ("m",),
    "reject": ("m",),
    "waive": ("m", "--gate", "leakage", "--reason", "x"),
    "publish": ("m",),
    "serve": (),
    "up": (),
    "demo": (),
    "registry sync": (),
    "refresh": ("rows",),
    "reproduce": ("m", "1"),
    "audit log": (),
    "audit verify": (),
    "audit dossier": ("m", "1"),
    "principals add": ("ana", "--role", "admin"),
    "principals list": (),
    "principals revoke": ("ana",),
    "store ls": (),
    "store history": ("rows",),
    "store verify": (),
    "store gc": (),
    "store prune": (),
    "store erase": ("id=1", "--reason", "x"),
    "store unpin": ("rows",),
}
"""Right words for every command but `init`, which takes no project."""


def test_the_table_of_right_words_is_whole() -> None:
    assert {*RIGHT} == commands() - {"init"}


@pytest.mark.parametrize("command", RIGHT)
def test_a_folder_that_is_no_project_ends_with_two(tmp_path: Path, database: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    project = Project(tmp_path / "project", database)
    (project.folder / "definitions").rename(tmp_path / "elsewhere")
    answer = use(project, monkeypatch, *command.split(), *RIGHT[command])
    assert (answer.code, "there is no folder definitions/" in answer.err) == (2, True), answer.text


@pytest.mark.parametrize("command", sorted({*RIGHT} - {"check"}))
@pytest.mark.parametrize("text", [SETTINGS["no TOML"], SETTINGS["unknown key"]], ids=["no TOML", "unknown key"])
def test_settings_that_cannot_be_used_end_every_command_with_two(
    trained: Project, monkeypatch: pytest.MonkeyPatch, command: str, text: str
) -> None:
    file = trained.folder / "pyproject.toml"
    before = file.read_bytes()
    file.write_text(text)
    try:
        answer = use(trained, monkeypatch, *command.split(), *RIGHT[command])
    finally:
        file.write_bytes(before)
    assert (answer.code, str(file) in answer.err) == (2, True), answer.text


@pytest.mark.parametrize("text", SETTINGS.values(), ids=SETTINGS)
def test_a_broken_settings_file_is_told_with_its_place(trained: Project, monkeypatch: pytest.MonkeyPatch, text: str | bytes) -> None:
    file = trained.folder / "pyproject.toml"
    before = file.read_bytes()
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    try:
        answer = use(trained, monkeypatch, "status")
    finally:
        file.write_bytes(before)
    assert (answer.code, "Traceback" in answer.text) == (2, False), answer.text


@pytest.mark.parametrize("name", VARIABLES)
def test_a_variable_that_cannot_be_used_is_told_by_its_name(trained: Project, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for other in [other for other in os.environ if other.startswith("MLOPS_")]:
        monkeypatch.delenv(other)
    monkeypatch.setenv(name, VARIABLES[name])
    answer = trained.mlops("status", "m")
    assert (answer.code, "Traceback" in answer.text) == (2, False), answer.text
    assert name in answer.err or VARIABLES[name] in answer.err


def test_a_folder_that_is_not_empty_is_not_made_a_project(trained: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from mlops_assets.errors import MlopsError

    for words in (["init"], ["init", str(trained.folder)], ["init", str(trained.folder / "pyproject.toml")]):
        result = CliRunner().invoke(app, words)
        code = result.exception.exit_code if isinstance(result.exception, MlopsError) else result.exit_code
        assert code == 2


def test_a_no_is_one(trained: Project, monkeypatch: pytest.MonkeyPatch, new_project: Callable[[], Project]) -> None:
    for words in (
        ("rollback", "m"),
        ("promote", "m", "--environment", "prod"),
        ("promote", "m", "1", "--from", "test", "--to", "dev"),
        ("reject", "m", "--environment", "prod"),
    ):
        assert use(trained, monkeypatch, *words).code == 1, words
    red = new_project()
    red.declare(
        "m",
        EXAMPLES.replace("  columns:", "  columns:\n    x0: {type: float64}")
        .replace("    a: {type: float64, ge: -100}\n", "")
        .replace("    b: {type: float64, nullable: true}\n", ""),
    )
    red.put("data/rows.csv", coin_flips(600, columns=2))
    answer = red.mlops("run", "m", "--json")
    assert (answer.code, answer.document["exit_code"], answer.document["verdict"]["status"] == "pass") == (1, 1, False)
    red.declare("m", EXAMPLES.replace("target: y", "target: yy"))
    assert red.mlops("check").code == 1


def test_a_verification_that_finds_something_is_one(project: Project) -> None:
    project.declare("m", EXAMPLES)
    project.put("data/rows.csv", rows())
    assert project.mlops("run", "m").code == 0
    assert project.mlops("audit", "verify").code == 0
    assert project.mlops("store", "verify").code == 0
    with sqlite3.connect(project.folder / ".mlops" / "ledger.db") as connection:
        connection.execute("DROP TRIGGER events_no_update")
        connection.execute("UPDATE events SET actor = 'eve' WHERE sequence = 2")
    stored = next((project.folder / ".mlops" / "store").rglob("*.parquet"))
    stored.chmod(0o644)
    stored.write_bytes(stored.read_bytes()[:-1] + b"?")
    assert project.mlops("audit", "verify").code == 1
    assert project.mlops("store", "verify").code == 1


def test_what_crashes_is_neither_a_no_nor_bad_input(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.declare("m", EXAMPLES)
    project.put("data/rows.csv", rows())

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("mlops_assets.components.bodies.model.train_model", broken)
    answer = project.mlops("run", "m", "--json")
    assert (answer.code, answer.document["exit_code"]) == (3, 3)
    assert "a bug" in answer.document["failure"]
    monkeypatch.setattr("mlops_assets.running.runner.Runner.prepare", broken)
    answer = project.mlops("run", "m")
    assert (answer.code, "Traceback" in answer.err, "a bug" in answer.err) == (3, True, True)


def test_a_file_that_may_not_be_read_is_bad_input(trained: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", "/data/ledger.db")

    monkeypatch.setattr("mlops_assets.lifecycle.places.running", denied)
    answer = trained.mlops("status", "m")
    assert (answer.code, answer.err) == (2, "error: /data/ledger.db: permission denied.\n")


def test_help_says_what_the_codes_mean(trained: Project) -> None:
    from typer.testing import CliRunner

    told = " ".join(CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output.split())
    assert "Exit codes: 0 done. 1 the answer is no" in told
