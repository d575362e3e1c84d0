"""`mlops check`: every problem of the definitions, and the proof that gates can turn red."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops_assets.cli.acting import answering
from mlops_assets.cli.common import JsonOption, ProjectOption, print_json
from mlops_assets.cli.holdouts import holdout_table

if TYPE_CHECKING:
    from mlops_assets.lifecycle.power import HoldoutPower
    from mlops_assets.modeling.known_bad import Proof
    from mlops_assets.spec.catalogue import Catalogue
    from mlops_assets.spec.problems import Problem


def register(app: typer.Typer) -> None:
    """Add `mlops check`."""
    app.command("check")(check)


def check(
    name: Annotated[str | None, typer.Argument(help="With --data: the model or data set to look at. Default: all of them.")] = None,
    data: Annotated[bool, typer.Option("--data", help="Also look at what the sources hold; nothing is stored.")] = False,
    gates: Annotated[str | None, typer.Option("--gates", help="Show that every gate of this model can turn red.")] = None,
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Validate every definition: all problems, each with its file and line.

    With --data also whether the holdout of each model brings the rows that its gates need, and the shortest one that does.
    Exit code 0: no errors; 1: errors, or a gate that cannot turn red; 2: bad use.
    """
    from mlops_assets.settings import find_project
    from mlops_assets.spec.checking.check import check_project
    from mlops_assets.spec.problems import errors

    if name is not None and not data:
        raise typer.BadParameter(f"`mlops check` looks at every definition; to look at the data of {name}: `mlops check --data {name}`.")
    folder = find_project(project)
    catalogue, problems = check_project(folder)
    if gates is not None and not errors(problems):
        with answering(json):
            _check_gates(catalogue, gates, json)
        return
    notes: list[str] = []
    holdouts: dict[str, HoldoutPower] = {}
    if data:
        with answering(json):
            problems, notes, holdouts = _with_data(folder, catalogue, name, problems)
    if json:
        print_json(
            {
                "schema": 1,
                **({"notes": notes, "holdouts": {of: found.to_json() for of, found in holdouts.items()}} if data else {}),
                "ok": not errors(problems),
                "declared": _counts(catalogue),
                "problems": [problem.to_json(folder) for problem in problems],
            }
        )
    else:
        _print(problems, folder)
        for note in notes:
            typer.echo(f"note: {note}", err=True)
        for found in holdouts.values():
            typer.echo(holdout_table(found))
        typer.echo(_summary(catalogue, problems))
    if errors(problems):
        raise typer.Exit(1)


def _with_data(
    folder: Path, catalogue: Catalogue, name: str | None, problems: list[Problem]
) -> tuple[list[Problem], list[str], dict[str, HoldoutPower]]:
    """The problems together with those of the data, notes on which part of them was looked at, and what they bring to holdouts."""
    from mlops_assets.lifecycle.making.problems import source_problems
    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.settings import load_settings
    from mlops_assets.spec.problems import in_order

    workspace = Workspace(load_settings(folder))
    workspace.catalogue = catalogue
    if name is not None and name not in {*catalogue.datasets, *catalogue.views, *catalogue.models}:
        if name in workspace.definitions.kinds:
            return problems, [f"the data of {name} were not looked at, since its definition has errors"], {}
        raise workspace.no_such("model, feature view or data set", name, workspace.definitions.names())
    looked = source_problems(workspace, [name] if name else [*catalogue.datasets, *catalogue.models])
    told = {(problem.file, problem.line, problem.path) for problem in problems}
    added = [problem for problem in looked.problems if (problem.file, problem.line, problem.path) not in told]
    return in_order([*problems, *added]), looked.notes, looked.holdouts


def _print(problems: list[Problem], folder: Path) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(soft_wrap=True, highlight=False)
    colours = {"error": "red", "warning": "yellow"}
    for problem in problems:
        line = Text.assemble(
            (problem.location(folder), "bold"),
            ": ",
            (problem.severity, colours[problem.severity]),
            ": ",
            (f"{problem.path}: " if problem.path else "", "cyan"),
            problem.sentence,
        )
        console.print(line)


def _counts(catalogue: Catalogue) -> dict[str, int]:
    return {"datasets": len(catalogue.datasets), "feature_views": len(catalogue.views), "models": len(catalogue.models)}


def _summary(catalogue: Catalogue, problems: list[Problem]) -> str:
    wrong = sum(problem.severity == "error" for problem in problems)
    warnings = len(problems) - wrong
    warned = f", {_many(warnings, 'warning')}" if warnings else ""
    if wrong:
        return f"{_many(wrong, 'error')}{warned}"
    counts = _counts(catalogue)
    parts = (_many(counts["datasets"], "data set"), _many(counts["feature_views"], "feature view"), _many(counts["models"], "model"))
    return f"no errors{warned}: {', '.join(parts)}"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _proof_in_words(proof: Proof) -> str:
    if not proof.applies:
        return f"– {proof.gate}: does not apply. {proof.detail}".rstrip()
    bad = "red on a known-bad case" if proof.red else "NOT red on a known-bad case"
    good = "green on a good one" if proof.green else "NOT green on a good one"
    return f"{'✓' if proof.proven else '✗'} {proof.gate}: {bad}, {good}. {proof.detail}".rstrip()


def _check_gates(catalogue: Catalogue, name: str, json: bool) -> None:
    """Feed every gate of a model a known-bad case and a good one, and say what it answered."""
    from mlops_assets.errors import MlopsError, nearest
    from mlops_assets.modeling.known_bad import prove

    model = catalogue.models.get(name)
    if model is None:
        guess = nearest(name, catalogue.models)
        do = f"Did you mean {guess!r}?" if guess else None
        raise MlopsError(f"there is no model {name!r}.", valid=sorted(catalogue.models), do=do)
    proofs: list[dict[str, Any]] = []
    for proof in prove(model, catalogue.folder(name)):
        shown = {"gate": proof.gate, "applies": proof.applies, "red": proof.red, "green": proof.green}
        proofs.append({**shown, "proven": proof.proven, "detail": proof.detail})
        if not json:
            typer.echo(_proof_in_words(proof))
    sound = bool(proofs) and all(proof["proven"] for proof in proofs)
    if json:
        print_json({"schema": 1, "model": name, "ok": sound, "gates": proofs})
    else:
        applying = [proof for proof in proofs if proof["applies"]]
        red = sum(proof["red"] for proof in applying)
        typer.echo(f"{red} of {_many(len(applying), 'gate')} of {name} turned red on a known-bad case")
    if not sound:
        raise typer.Exit(1)
