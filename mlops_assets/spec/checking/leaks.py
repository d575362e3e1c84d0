"""Leaks that definitions show by themselves: what a model would learn from that it cannot know when it predicts."""

from __future__ import annotations

from mlops_assets.spec.checking.findings import Findings
from mlops_assets.spec.checking.known_columns import feature_columns
from mlops_assets.spec.checking.sql import mentions, output
from mlops_assets.spec.dataset import Dataset
from mlops_assets.spec.durations import Duration
from mlops_assets.spec.feature_view import FeatureView
from mlops_assets.spec.model import Model
from mlops_assets.spec.reads import label_sources, population_sources


def view_leaks(view: FeatureView, findings: Findings) -> None:
    """A query that names a column of its data sets which is known only after the fact."""
    if view.sql is None:
        return
    named = mentions(view.sql)
    for dataset in _datasets(view.from_, findings):
        for column in _known_after(dataset):
            if column.lower() in named:
                found = f"the query reads {column!r} of {dataset.name}, which is declared `known: after`: no feature may know it"
                findings.add(view.name, ("sql",), found, do="Leave it out, or declare it `known: before` if it is.")


def model_leaks(model: Model, dated: bool, findings: Findings) -> None:
    """The target or a column known later among the features, immature labels, a random split of dated rows, tables without history.

    ``dated`` says whether the model has a calendar.
    """
    if model.examples is not None:
        _examples(model, dated, findings)
    else:
        _features(model, findings)
    _split(model, dated, findings)
    if dated:
        _without_history(model, findings)


def _examples(model: Model, dated: bool, findings: Findings) -> None:
    examples = model.examples
    assert examples is not None
    dataset = findings.catalogue.datasets[examples.from_]
    for number, column in enumerate(examples.include or ()):
        path = ("examples", "include", number)
        declared = dataset.columns.get(column)
        if column == examples.target:
            findings.add(model.name, path, f"{column!r} is the target, and is asked for as a feature", do="Leave it out of include.")
        elif declared is not None and declared.known == "after":
            found = f"{column!r} is declared `known: after` in {dataset.name}, and is asked for as a feature"
            findings.add(model.name, path, found, do="It is known only after the fact; leave it out of include.")
        elif declared is not None and declared.pii:
            findings.add(model.name, path, f"{column!r} is personal data (`pii: true`) in {dataset.name}, and never a feature")
    target = dataset.columns.get(examples.target)
    if dated and examples.label_delay is None:
        findings.add(
            model.name,
            ("examples",),
            f"{dataset.name} is dated, but nothing says how long after its {dataset.event_time} a row's {examples.target} is known",
            do="Give label_delay, for example `label_delay: 1 month`, or `label_delay: 0d` where it is known at once.",
        )
    if dated and examples.label_delay is not None and examples.label_delay.count == 0 and target is not None and target.known == "after":
        found = f"{examples.target!r} is declared `known: after`, but label_delay is zero"
        findings.add(model.name, ("examples", "label_delay"), found, do="Say how long it takes until it is known.")


def _features(model: Model, findings: Findings) -> None:
    catalogue = findings.catalogue
    assert model.label is not None
    targets = {name.lower() for name in output(model.label.sql).names} - {name.lower() for name in model.entity}
    undated_labels = {d.name for d in _datasets(label_sources(model, catalogue), findings) if d.partitions is None}
    for number, feature in enumerate(model.features):
        name, _, column = feature.partition(".")
        view = catalogue.views.get(name)
        if view is None:
            continue
        path = ("features", number)
        names = feature_columns(view).names if column == "*" else (column,)
        for found in names:
            declared = view.columns.get(found)
            if found.lower() in targets:
                do = "Rename it if it is something else; a feature and the target cannot share a name."
                findings.add(model.name, path, f"{name}.{found} has the name of the target: the target among the features", do=do)
            elif declared is not None and declared.known == "after" and column != "*":
                findings.add(model.name, path, f"{feature} is declared `known: after`, and is asked for as a feature")
            elif declared is not None and declared.pii and column != "*":
                findings.add(model.name, path, f"{feature} is personal data (`pii: true`), and never a feature")
        derived = undated_labels & {*view.from_} if view.sql and targets & mentions(view.sql) else set()
        for dataset in sorted(derived):
            found = f"{name} reads {' and '.join(sorted(targets & mentions(view.sql or '')))} of {dataset}, which has no time: "
            findings.add(model.name, path, f"{found}a column derived from the target among the features")
    if model.population is not None:
        named = mentions(model.population)
        for dataset_ in _datasets(population_sources(model, catalogue), findings):
            for column in _known_after(dataset_):
                if column.lower() in named:
                    found = f"the population reads {column!r} of {dataset_.name}, which is declared `known: after`"
                    findings.add(model.name, ("population",), found, do="Who is scored must be known at $as_of.")


def _split(model: Model, dated: bool, findings: Findings) -> None:
    holdout = model.training.holdout
    path = ("training", "holdout")
    if dated and not isinstance(holdout, Duration):
        said = "holdout" in model.training.model_fields_set
        found = f"a holdout of {holdout:.0%} would split dated rows" if said else "dated rows need a holdout in time, and there is none"
        findings.add(model.name, path if said else ("training",), found, do="Give the newest stretch that is kept, such as `holdout: 30d`.")
    if not dated and isinstance(holdout, Duration):
        found = f"a holdout of {holdout} needs dated rows, but nothing that the model reads has partitions"
        findings.add(model.name, path, found, do="Give a share, such as `holdout: 20%`, or give the data set partitions.")


def _without_history(model: Model, findings: Findings) -> None:
    catalogue = findings.catalogue
    for number, feature in enumerate(model.features):
        name = feature.partition(".")[0]
        view = catalogue.views.get(name)
        if view is None or name in [f.partition(".")[0] for f in model.features[:number]]:
            continue
        for dataset in _datasets(view.from_, findings):
            if dataset.kind == "static":
                _warn(model, ("features", number), dataset, f"{name} reads", findings)
    for dataset in _datasets(population_sources(model, catalogue), findings):
        if dataset.kind == "static":
            _warn(model, ("population",), dataset, "the population reads", findings)


def _warn(model: Model, path: tuple[str | int, ...], dataset: Dataset, who: str, findings: Findings) -> None:
    findings.add(
        model.name,
        path,
        f"{who} {dataset.name}, a table without history: its rows of today stand in for those of every as-of time, which can leak",
        do="Give it partitions (`kind: snapshot` keeps it as it was), or see to it that its rows never change.",
        severity="warning",
    )


def _known_after(dataset: Dataset) -> list[str]:
    return [name for name, column in dataset.columns.items() if column.known == "after"]


def _datasets(names: tuple[str, ...], findings: Findings) -> list[Dataset]:
    return [findings.catalogue.datasets[name] for name in names if name in findings.catalogue.datasets]
