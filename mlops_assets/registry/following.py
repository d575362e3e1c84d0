"""What MLflow must show for the ledger's state: aliases, and tags of versions. MLflow follows; it never decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlops_assets.ledger.state import DeploymentState, State, Version
from mlops_assets.ledger.words import ENVIRONMENTS
from mlops_assets.registry import tags as t
from mlops_assets.registry.versions import MANAGED_ALIASES, Difference

if TYPE_CHECKING:
    from mlops_assets.registry.tracking import Registry


def alias_of(state: State, model: str, role: str, environment: str) -> str:
    """The alias that stands for ``role`` in ``environment``.

    It is plainly ``champion`` or ``challenger`` in the most trusted environment of this ledger in which the model ever served, and
    ``champion_test`` and so on in those below it, so that environments that share one MLflow never fight over an alias.
    """
    return role if environment == owner(state, model) else f"{role}_{environment}"


def owner(state: State, model: str) -> str | None:
    """The environment that the plain aliases belong to: the most trusted one in which the model served, else was registered."""
    known = [name for name in reversed(ENVIRONMENTS) if state.of(model, name).versions]
    return next((name for name in known if state.of(model, name).intervals), known[0] if known else None)


def aliases(state: State, model: str) -> dict[str, int | None]:
    """Version by alias, None where nothing has it, over all environments of the ledger."""
    found: dict[str, int | None] = dict.fromkeys(MANAGED_ALIASES)
    for environment in ENVIRONMENTS:
        here = state.of(model, environment)
        for role, number in (("champion", here.champion), ("challenger", here.challenger)):
            if here.versions:
                found[alias_of(state, model, role, environment)] = number
    return found


def tags(state: State, model: str) -> dict[int, dict[str, Any]]:
    """Tags by version: its state in each environment, the verdict, what was waived and by whom."""
    found: dict[int, dict[str, Any]] = {}
    plain = owner(state, model)
    for environment in ENVIRONMENTS:
        here = state.of(model, environment)
        for number, version in here.versions.items():
            mine = found.setdefault(number, {})
            mine[t.STATE if environment == plain else f"{t.STATE}.{environment}"] = version.state
            if environment == plain:
                mine |= {t.VERDICT: version.verdict, t.VERDICT_STATUS: here.verdicts[version.verdict].status}
                mine[t.WAIVED] = waivers_in_words(here, version) or None
    return found


def waivers_in_words(state: DeploymentState, version: Version) -> str:
    """Gates of the version's verdict that were waived, by whom and why; empty where none was."""
    mine = [waiver for waiver in state.waivers if waiver.verdict == version.verdict]
    return "; ".join(f"{', '.join(waiver.gates)} by {waiver.by}: {waiver.reason}" for waiver in mine)


def follow(registry: Registry, state: State, model: str, *, repair: bool = True) -> list[Difference]:
    """Make MLflow say what the ledger says of ``model``; returns what differed. With ``repair`` False it only looks.

    Raises:
        RegistryError: when MLflow does not answer.
    """
    wanted: Mapping[str, int | None] = aliases(state, model)
    return registry.sync(model, aliases=wanted, tags=tags(state, model), repair=repair)
