"""What a declaration reads, by name: feature views, and data sets, also those that a query names."""

from __future__ import annotations

import re
from collections.abc import Iterable

from mlops_assets.spec.catalogue import Catalogue, Declaration
from mlops_assets.spec.dataset import Dataset
from mlops_assets.spec.feature_view import FeatureView
from mlops_assets.spec.model import Model


def tables_named(sql: str, names: Iterable[str]) -> tuple[str, ...]:
    """Those of ``names`` that stand as identifiers in ``sql`` (outside comments and text), in the order of ``names``."""
    bare = re.sub(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", " ", sql, flags=re.DOTALL)
    words = {word.lower() for word in re.findall(r"[A-Za-z_]\w*", bare)}
    return tuple(name for name in names if name.lower() in words)


def label_sources(model: Model, catalogue: Catalogue) -> tuple[str, ...]:
    """Data sets that the label query reads: the declared ones, else those that it names."""
    if model.label is None:
        return ()
    return model.label.from_ or tables_named(model.label.sql, catalogue.datasets)


def population_sources(model: Model, catalogue: Catalogue) -> tuple[str, ...]:
    """Data sets that the population query names."""
    return tables_named(model.population, catalogue.datasets) if model.population else ()


def view_names(model: Model) -> tuple[str, ...]:
    """Feature views that a model uses, in the order in which it first names them."""
    return tuple(dict.fromkeys(feature.split(".", 1)[0] for feature in model.features))


def key_columns(name: str, catalogue: Catalogue) -> frozenset[str]:
    """Columns of data set ``name`` that name entities: those of every view that reads it, and of every model that reads it somehow."""
    found: set[str] = set()
    for view in catalogue.views.values():
        if name in view.from_:
            found |= {*view.entity}
    for model in catalogue.models.values():
        if name in uses(model.name, catalogue):
            found |= {*model.entity}
    return frozenset(found)


def named_by(declaration: Declaration, names: Iterable[str]) -> frozenset[str]:
    """Feature views and data sets that a declaration names itself, whether they are there or not.

    Args:
        declaration: a data set, feature view or model.
        names: of all data sets that are declared, also of those with mistakes: a query is searched for them.
    """
    if isinstance(declaration, Dataset):
        return frozenset()
    if isinstance(declaration, FeatureView):
        return frozenset(declaration.from_)
    found = {*view_names(declaration), *((declaration.examples.from_,) if declaration.examples is not None else ())}
    if declaration.label is not None:
        found |= {*(declaration.label.from_ or tables_named(declaration.label.sql, names))}
    return frozenset(found | {*tables_named(declaration.population or "", names)})


def uses(name: str, catalogue: Catalogue) -> tuple[str, ...]:
    """Names of the feature views and data sets that ``name`` reads, directly or not, sorted; unknown names are left out."""
    declaration = catalogue.declared(name)
    if isinstance(declaration, Dataset):
        return ()
    if isinstance(declaration, FeatureView):
        return tuple(sorted({d for d in declaration.from_ if d in catalogue.datasets}))
    found = set()
    if declaration.examples is not None:
        found.add(declaration.examples.from_)
    for view in view_names(declaration):
        found |= {view, *(catalogue.views[view].from_ if view in catalogue.views else ())}
    found |= {*label_sources(declaration, catalogue), *population_sources(declaration, catalogue)}
    return tuple(sorted(n for n in found if n in catalogue.datasets or n in catalogue.views))
