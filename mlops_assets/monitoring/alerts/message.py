"""What people are told: what, since when, how bad, and what they can do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_assets.monitoring.alerts.rules import Evaluation

if TYPE_CHECKING:
    from mlops_assets.spec.monitor import Alert

TEMPLATE = """\
{state} [{severity}] {model} in {environment}: {rule}

What       {saw}
Since      {since}
How bad    {bad}
{asked}
To act
{commands}"""


@dataclass(frozen=True)
class Message:
    """A rendered message. ``kind`` is what channels colour by: info, success, warning or failure."""

    title: str
    body: str
    kind: str


def render(
    rule: Alert, evaluation: Evaluation, *, model: str, environment: str, links: Mapping[str, str] | None = None, template: str = TEMPLATE
) -> Message:
    """Render an evaluation.

    Args:
        rule, evaluation: what fired or was resolved.
        model, environment: whose rule it is.
        links: pages to look at, by name.
        template: with the fields of :data:`TEMPLATE`; another one may be given.
    """
    resolved = evaluation.transition == "resolved"
    state = "RESOLVED" if resolved else evaluation.state.phase.upper()
    value, n = evaluation.evidence.value, evaluation.evidence.n
    body = template.format(
        state=state,
        severity=rule.severity,
        model=model,
        environment=environment,
        rule=evaluation.title,
        saw=f"{rule.metric} is {value:.4g}" if value is not None else f"{rule.metric} has no value",
        since=evaluation.state.since or evaluation.state.evaluated,
        bad=_how_bad(rule, evaluation),
        asked=_asked(evaluation),
        commands="\n".join(f"  {line}" for line in _commands(rule, model, environment, resolved, links or {})),
    )
    kind = "success" if resolved else {"info": "info", "warning": "warning", "critical": "failure"}[rule.severity]
    return Message(f"{state}: {model} ({environment}): {evaluation.title}, n = {n}", body, kind)


def _how_bad(rule: Alert, evaluation: Evaluation) -> str:
    found, bound = evaluation.evidence, float(rule.above if rule.above is not None else rule.below or 0)
    if found.value is None:
        return "unknown"
    beyond = abs(found.value - bound)
    share = f" ({beyond / abs(bound):.0%})" if bound else ""
    within = f"; 95 % interval {found.low:.4g} to {found.high:.4g}" if found.low is not None and found.high is not None else ""
    where = "inside" if evaluation.transition == "resolved" else "beyond"
    return f"{beyond:.4g}{share} {where} the limit of {bound:g}; n = {found.n}{within}"


def _asked(evaluation: Evaluation) -> str:
    words = {
        "rollback": "rollback to the champion before",
        "retrain": "retraining, if its policy agrees",
        "open_incident": "an incident is opened",
        "close_incident": "its incident is closed",
    }
    lines = [f"Asked for  {words[i.action]}" + (f"; withheld: {i.withheld}" if i.withheld else "") for i in evaluation.intentions]
    return "".join(f"{line}\n" for line in lines)


def _commands(rule: Alert, model: str, environment: str, resolved: bool, links: Mapping[str, str]) -> Sequence[str]:
    commands = [f"mlops status {model}"]
    if not resolved:
        commands.append(f'mlops rollback {model} --reason "{title_for_shell(rule)}"')
        commands.append(f"mlops run {model}")
    return [f"MLOPS_ENVIRONMENT={environment} {command}" for command in commands] + [f"{name}: {url}" for name, url in links.items()]


def title_for_shell(rule: Alert) -> str:
    """The rule in words that need no quoting."""
    bound = f"above {rule.above:g}" if rule.above is not None else f"below {rule.below:g}"
    return f"{rule.metric} {bound}"
