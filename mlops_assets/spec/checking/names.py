"""Names from outside the catalogue: metrics, parameters, owners, tags, Python functions and schedules."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path

from mlops_assets.errors import nearest
from mlops_assets.spec.catalogue import Declaration
from mlops_assets.spec.checking.findings import Findings
from mlops_assets.spec.cron import WORDS, cron_mistake
from mlops_assets.spec.digest import functions
from mlops_assets.spec.metrics import GREATER_IS_BETTER, OTHER_NAMES, SERVING_METRICS, metric_names
from mlops_assets.spec.model import Model
from mlops_assets.spec.problems import KeyPath
from mlops_assets.spec.tasks import CLASSIFICATION, TASKS

_OWNER = re.compile(r"team:.+|[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}")
_TAG_KEY = re.compile(r"([A-Za-z0-9_.-]{1,63}/)?[A-Za-z0-9_.-]{1,63}")
_TAG_VALUE = re.compile(r"[A-Za-z0-9_.-]{0,63}")


def check_common(declaration: Declaration, findings: Findings) -> None:
    """Owner, tags and Python functions of a declaration."""
    owner = declaration.owner
    if owner is not None and not _OWNER.fullmatch(owner):
        suggestion = f"team:{owner.removeprefix('@')}" if re.fullmatch(r"@?[\w-]+", owner) else None
        found = f"{owner!r} is no owner; write team:NAME or an e-mail address"
        findings.add(declaration.name, ("owner",), found, suggestion=suggestion)
    for key, value in declaration.tags.items():
        if not _TAG_KEY.fullmatch(key) or not _TAG_VALUE.fullmatch(value):
            found = f"{key}: {value!r} is no tag; letters, digits, _ . - are possible, at most 63 of them"
            findings.add(declaration.name, ("tags", key), found)
    folder = findings.catalogue.folder(declaration.name)
    for path, reference in functions(declaration):
        _function(declaration.name, path, reference, folder, findings)


def _function(owner: str, path: KeyPath, reference: str, folder: Path, findings: Findings) -> None:
    """A function beside the definition must be there; nothing is imported to find out."""
    module, _, function = reference.partition(":")
    if not module.startswith("."):
        package = module.partition(".")[0]
        if importlib.util.find_spec(package) is None:
            findings.add(
                owner, path, f"{reference!r}: there is no installed package {package!r}", do="Install it, or write .module:function."
            )
        return
    file = folder.joinpath(*module.lstrip(".").split(".")).with_suffix(".py")
    if not file.is_file():
        there = {f".{other.stem}:{function}": other for other in sorted(folder.glob("*.py"))}
        found = f"{reference!r} names {file.name}, which is not beside the definition"
        findings.add(owner, path, found, suggestion=nearest(reference, there), do=None if there else f"Create {file.name}.")
        return
    try:
        body = ast.parse(file.read_text("utf-8"), filename=str(file)).body
    except (SyntaxError, UnicodeDecodeError) as error:
        findings.add(owner, path, f"{file.name} is not Python: {error}")
        return
    names = {node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)}
    names |= {alias.asname or alias.name for node in body if isinstance(node, ast.ImportFrom | ast.Import) for alias in node.names}
    names |= {t.id for node in body if isinstance(node, ast.Assign) for t in node.targets if isinstance(t, ast.Name)}
    if function not in names and "*" not in names:
        meant = nearest(function, names)
        found = f"{file.name} has no function {function!r}"
        findings.add(owner, path, found, suggestion=f"{module}:{meant}" if meant else None)


def check_schedule(owner: str, path: KeyPath, schedule: str | None, findings: Findings) -> None:
    """A schedule is a cron expression or one of the words for it."""
    if schedule is not None and (mistake := cron_mistake(schedule)):
        findings.add(owner, path, mistake, suggestion=nearest(schedule.lower(), WORDS))


def check_metrics(model: Model, findings: Findings) -> None:
    """Every metric that a model names must be one of its task, and its bound on the right side."""
    of_task = metric_names(model.task)
    named: list[tuple[KeyPath, str, tuple[str, ...]]] = []
    for number, gate in enumerate(model.gates):
        if gate.metric is not None:
            named.append((("gates", number, "metric"), gate.metric, of_task))
            better = GREATER_IS_BETTER.get(gate.metric)
            wrong, right = ("at_most", "at_least") if better else ("at_least", "at_most")
            if better is not None and getattr(gate, wrong) is not None and getattr(gate, right) is None:
                found = f"{gate.metric} is better when it is {'greater' if better else 'smaller'}, so {wrong} lets bad models pass"
                findings.add(model.name, ("gates", number, wrong), found, suggestion=right, severity="warning")
    if model.training.tune is not None and model.training.tune.metric is not None:
        named.append((("training", "tune", "metric"), model.training.tune.metric, of_task))
    if model.monitor.performance.metric is not None:
        named.append((("monitor", "performance", "metric"), model.monitor.performance.metric, of_task))
    live = (*of_task, *SERVING_METRICS)
    named += [(("monitor", "alerts", n, "metric"), alert.metric, live) for n, alert in enumerate(model.monitor.alerts)]
    named += [(("rollout", "analysis", n, "metric"), analysis.metric, live) for n, analysis in enumerate(model.rollout.analysis)]
    for path, metric, valid in named:
        if metric in valid:
            continue
        elsewhere = [task for task in TASKS if metric in metric_names(task)]
        if elsewhere:
            findings.add(model.name, path, f"{metric} is a metric of {elsewhere[0]}, but the task is {model.task}", valid=valid)
        else:
            known = OTHER_NAMES.get(metric, metric)
            meant = known if known in valid else nearest(metric, valid)
            findings.add(model.name, path, f"there is no metric {metric!r}", valid=valid, suggestion=meant)
    changed: dict[str, int] = {}
    for number, gate in enumerate(model.gates):
        if gate.gate is not None and changed.setdefault(gate.gate, number) != number:
            findings.add(model.name, ("gates", number), f"the default gate {gate.gate} is changed a second time", severity="warning")


def check_parameters(model: Model, findings: Findings) -> None:
    """Parameters of the estimator, of the search over them as far as its kind can be judged without importing it, and of calibration."""
    estimator, tune = model.training.estimator, model.training.tune
    places: dict[str, KeyPath] = {"estimator": ("training", "estimator", estimator.kind), "space": ("training", "tune", "space")}
    for mistake in estimator.row.mistakes(estimator.declared, (tune.space if tune else None) or (), model.task):
        path = (*places[mistake.of], mistake.name)
        findings.add(model.name, path, mistake.found, valid=mistake.valid, suggestion=mistake.suggestion, do=mistake.do)
    calibrate = model.training.calibrate
    if calibrate in ("isotonic", "sigmoid") and model.task not in CLASSIFICATION:
        found = f"{calibrate} maps scores to probabilities, and {model.task} has none"
        findings.add(model.name, ("training", "calibrate"), found, valid=("auto", "none"), do="Leave it out.")
