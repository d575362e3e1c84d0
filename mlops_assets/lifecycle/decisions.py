"""What changes which version serves, with the approvals that the environment asks for; the same for an asset, a command and an alert."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlops_assets.ledger.actors import Actor
    from mlops_assets.ledger.errors import Refused
    from mlops_assets.ledger.events import Event
    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.spec.rollout import Rollout


def approvals_needed(workspace: Workspace, name: str) -> int:
    """How many distinct people must approve ``name``: what its definition says, else the environment's setting.

    Raises:
        DefinitionsError: where the definition cannot be read, so that nobody knows how many it asks for.
    """
    workspace.demand(name)
    model = workspace.catalogue.models.get(name)
    declared = model.approvals.get(workspace.settings.environment) if model is not None else None
    return workspace.settings.approvals if declared is None else declared


def approvals_known(workspace: Workspace, name: str) -> int:
    """As :func:`approvals_needed`, for what asks for no approval: where the definition cannot be read, the environment's setting."""
    return workspace.settings.approvals if name in workspace.definitions.left_out else approvals_needed(workspace, name)


def goes_at_once(rollout: Rollout, champion: int | None) -> bool:
    """Whether a new version becomes champion in one event: the first one has nothing to be compared with, whatever is declared."""
    return champion is None or rollout.at_once


def start_rollout(workspace: Workspace, name: str, actor: Actor, *, run: str | None = None) -> Event:
    """Start the rollout of the newest candidate beside the champion; ``run`` is the Dagster run that does it.

    Raises:
        Refused: without a champion to compare with, for a `direct` rollout, or without verdict and approvals.
    """
    from mlops_assets.ledger import Refused, actions

    rollout = workspace.catalogue.models[name].rollout
    champion = workspace.ledger.state(name).champion
    if goes_at_once(rollout, champion):
        why = "there is no champion to compare with" if champion is None else f"its rollout is declared {rollout.strategy}"
        raise Refused(f"{name} has no challenger stage: {why}.", do=f"Materialize {name}/champion, or `mlops promote {name}`.")
    return actions.start_rollout(
        workspace.ledger,
        name,
        None,
        actor,
        strategy=rollout.strategy,
        share=rollout.steps[0] if rollout.steps else 0.0,
        steps=list(rollout.steps),
        needed=approvals_needed(workspace, name),
        run=run,
    )


def promote(
    workspace: Workspace, name: str, version: int | None, actor: Actor, *, reason: str | None = None, run: str | None = None
) -> Event:
    """Make ``version`` the champion (None: the challenger, or without one the newest candidate); the one before it is archived.

    Raises:
        Refused: without a passing verdict on exactly this bundle, or without the approvals that the environment asks for.
    """
    from mlops_assets.ledger import actions

    needed = approvals_needed(workspace, name)
    return actions.promote(workspace.ledger, name, version, actor, needed=needed, reason=reason, run=run)


def roll_back(workspace: Workspace, name: str, actor: Actor, *, reason: str) -> Event:
    """Take out what went live last: a challenger in its rollout, else the champion for the one before it.

    It must be possible in a hurry, so a definition that cannot be read does not keep it from happening.

    Raises:
        Refused: where there is nothing to go back to.
    """
    from mlops_assets.ledger import actions

    return actions.rollback(workspace.ledger, name, actor, reason=reason, needed=approvals_known(workspace, name))


def ask_for_approvals(workspace: Workspace, name: str, version: int | None, who: Actor, refusal: Refused) -> Refused:
    """Ask for approvals where these are what a promotion is refused for; returns the refusal with what happens next."""
    from mlops_assets.ledger import Refused, actions
    from mlops_assets.ledger.events import minute
    from mlops_assets.spec.durations import Duration

    needed = approvals_needed(workspace, name)
    target, stand, _ = actions.may_promote(workspace.ledger, name, version, needed=needed)
    if needed == 0 or stand.enough or stand.request is not None or "approvals for" not in refusal.found:
        return refusal
    valid_for = Duration.parse(workspace.settings.approval_expires).timedelta
    try:
        event = actions.request_approval(workspace.ledger, name, target.number, who, needed=needed, valid_for=valid_for)
    except Refused as not_asked:
        return Refused(refusal.found, do=f"They were not asked for: {not_asked}")
    until = minute(event.body["expires"])
    others = "one approver" if needed == 1 else f"{needed} distinct approvers"
    return Refused(
        refusal.found,
        do=f"Asked for them now, until {until}: {others} other than {who.name} run `mlops approve {name} {target.number}`.",
    )
