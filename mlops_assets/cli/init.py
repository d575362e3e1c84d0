"""`mlops init`: a new project that runs at once."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlops_assets.errors import MlopsError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

PLACEHOLDER = "PROJECT-NAME"
RENAMED = {"gitignore": ".gitignore"}
"""Files that would act on this repository under their own name."""


class InitError(MlopsError):
    """A folder in which no project can be made."""


def register(app: typer.Typer) -> None:
    """Add `mlops init`."""
    app.command("init")(init)


def init(directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the new project; it must be new or empty.")]) -> None:
    """Make a new project with one small example that runs at once."""
    made = create_project(directory)
    typer.echo(f"Made a project in {directory}:")
    for file in made:
        typer.echo(f"  {file}")
    typer.echo(f"\nNext:\n  cd {directory}\n  mlops check --data\n  mlops run progression")


def create_project(directory: Path) -> list[str]:
    """Write the files of a new project and return their paths, relative to it and sorted.

    Raises:
        InitError: when the folder holds anything, is a file, or cannot be written.
    """
    name = _project_name(directory)
    made: list[str] = []
    try:
        if directory.is_dir() and any(directory.iterdir()):
            raise InitError("the folder is not empty.", where=str(directory), do="Name a folder that is new or empty; nothing was written.")
        directory.mkdir(parents=True, exist_ok=True)
        for path, content in _template(resources.files("mlops_assets") / "examples" / "project", Path()):
            target = directory / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content.replace(PLACEHOLDER, name), encoding="utf-8")
            made.append(path.as_posix())
    except (FileExistsError, NotADirectoryError) as error:
        raise InitError("this is a file, or lies below one.", where=str(directory), do="Name a folder that is new or empty.") from error
    except OSError as error:
        raise InitError(f"the project cannot be written: {error.strerror or error}.", where=str(directory)) from error
    return sorted(made)


def _template(folder: Traversable, path: Path) -> list[tuple[Path, str]]:
    found: list[tuple[Path, str]] = []
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            if entry.name != "__pycache__":
                found += _template(entry, path / entry.name)
        else:
            found.append((path / RENAMED.get(entry.name, entry.name), entry.read_text(encoding="utf-8")))
    return found


def _project_name(directory: Path) -> str:
    """The folder's name as a valid project name (PEP 508)."""
    return re.sub(r"[^a-z0-9]+", "-", directory.resolve().name.lower()).strip("-") or "models"
