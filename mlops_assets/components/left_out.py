"""Definitions that cannot be used, as a person sees them in Dagster: an asset that nothing makes, with every error in its description."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.spec.model import Model

if TYPE_CHECKING:
    from mlops_assets.spec.checking.sound import SoundPart
    from mlops_assets.spec.problems import Problem

KIND = "not loaded"
UNREAD = "not_loaded"
"""First part of the key, and group, of files in which no name can be read."""


def left_out_assets(definitions: SoundPart, taken: Iterable[dg.AssetKey] = ()) -> list[dg.AssetSpec]:
    """An asset for each declaration that is left out, under the key of its last asset, and for each file that cannot be read.

    Args:
        definitions: of the project.
        taken: keys that other definitions have.
    """
    used = {*taken}
    found = {spec.key: spec for spec in _specs(definitions)}
    return [spec for key, spec in found.items() if key not in used]


def summary(definitions: SoundPart) -> list[str]:
    """One line for each error, and a last one that says what is left out."""
    lines = [problem.text(definitions.project) for problem in definitions.errors]
    names = ", ".join(definitions.left_out) or "nothing that has a name"
    return [*lines, f"left out for {len(lines)} error{'' if len(lines) == 1 else 's'} in the definitions: {names}"] if lines else []


def _specs(definitions: SoundPart) -> Iterator[dg.AssetSpec]:
    for name, found in definitions.left_out.items():
        word = re.sub(r"\W", "_", name, flags=re.ASCII) or "_"
        model = definitions.kinds[name] is Model
        yield _spec([word, "model"] if model else [word], word if model else "default", found, definitions.project)
    for file in sorted({problem.file for problem in definitions.unread}):
        found = [problem for problem in definitions.unread if problem.file == file]
        word = re.sub(r"\W+", "_", str(file.relative_to(definitions.project.absolute())), flags=re.ASCII)
        yield _spec([UNREAD, word], UNREAD, found, definitions.project)


def _spec(key: Sequence[str], group: str, found: Sequence[Problem], project: Path) -> dg.AssetSpec:
    lines = [f"- {problem.text(project)}" for problem in found]
    return dg.AssetSpec(
        key=list(key),
        group_name=group,
        kinds={KIND.replace(" ", "_")},
        description="\n".join(["**Not loaded**, and so nothing makes it, until these errors are mended:", "", *lines]),
        metadata={"errors": len(found), "first error": found[0].location(project)},
    )
