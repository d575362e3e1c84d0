"""Every field of the language, changed in turn: the digest of the definition moves, and of its assets those that the field's mark names."""

from __future__ import annotations

import copy
import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from mlops_assets.errors import MlopsError
from mlops_assets.plan import compile_plan
from mlops_assets.plan.kinds import KINDS
from mlops_assets.spec import CalendarError, Dataset, Duration, FeatureView, Model, Training
from mlops_assets.spec.base import FUNCTION_PATTERN
from mlops_assets.spec.catalogue import Catalogue, Declaration
from mlops_assets.spec.checking.check import check_project
from mlops_assets.spec.decides import ROWS, Decides, DecidesNothing, EachDecides, deciding, inner_spec, mark_of
from mlops_assets.spec.digest import declaration_digest, functions, spec_digest

DECLARATIONS: tuple[type[BaseModel], ...] = (Dataset, FeatureView, Model)
ITEM = "*"
"""In a path: any item of a list, any value of a mapping."""

OTHER: dict[str, Any] = {
    "Partitions.timezone": "Europe/Berlin",
    "CsvFormat.separator": "|",
    "UrlSource.sha256": "0" * 64,
    "FeatureView.from_": ["orders", "clicks"],
    "Examples.from_": "clicks",
    "Label.from_": ["orders", "clicks"],
    "Gate.fairness": "equalized_odds_ratio",
}
"""Another valid value of a field, where its type does not say one."""


@dataclass(frozen=True)
class Place:
    """A field of the language: the declaration that it is part of, the keys that lead to it, the spec that has it, and its name there."""

    declaration: type[BaseModel]
    path: tuple[str, ...]
    owner: type[BaseModel]
    name: str

    def __str__(self) -> str:
        return f"{self.declaration.__name__} {'.'.join(self.path)}"


def alternatives(annotation: Any) -> Iterator[Any]:
    """What may stand at a field, without metadata and None."""
    if get_origin(annotation) is Annotated:
        yield from alternatives(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, types.UnionType):
        for choice in get_args(annotation):
            yield from alternatives(choice)
    elif annotation is not type(None):
        yield annotation


def specs_in(annotation: Any) -> Iterator[tuple[tuple[str, ...], type[BaseModel]]]:
    """Specs that a field may hold, each with the steps that lead to it."""
    for choice in alternatives(annotation):
        if get_origin(choice) in (tuple, dict):
            item = get_args(choice)[1 if get_origin(choice) is dict else 0]
            yield from (((ITEM, *steps), spec) for steps, spec in specs_in(item))
        elif isinstance(choice, type) and issubclass(choice, BaseModel):
            yield (), choice


def places(declaration: type[BaseModel], spec: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[Place]:
    """Every field that holds a value of its own, through all specs."""
    for name, field in spec.model_fields.items():
        here = (*path, field.alias or name)
        inside = list(specs_in(field.annotation))
        if len(inside) < len(list(alternatives(field.annotation))):
            owner = next(base for base in reversed(spec.__mro__) if name in getattr(base, "model_fields", ()))
            yield Place(declaration, here, owner, name)
        for steps, inner in inside:
            yield from places(declaration, inner, (*here, *steps))


PLACES = [place for declaration in DECLARATIONS for place in places(declaration, declaration)]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    found, problems = check_project(Path(__file__).with_name("every_field"), {"WAREHOUSE": "shop.db"})
    assert problems == []
    return found


def occurrences(value: Any, path: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    """Where ``path`` leads in a declaration as plain data; nowhere where the field is not set."""
    if not path:
        yield ()
    elif path[0] == ITEM:
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
            yield from ((key, *rest) for rest in occurrences(inner, path[1:]))
    elif isinstance(value, dict) and value.get(path[0]) is not None:
        yield from ((path[0], *rest) for rest in occurrences(value[path[0]], path[1:]))


def others(annotation: Any, value: Any) -> Iterator[Any]:
    """Values of the same type that are not ``value``; not all of them need be valid."""
    choices = list(alternatives(annotation))
    for choice in choices:
        if get_origin(choice) is Literal:
            yield from get_args(choice)
    if Duration in choices and isinstance(value, str):
        length = Duration.parse(value)
        yield from (str(Duration(count, length.unit)) for count in (2 * length.count, length.count + 1))
    elif date in choices:
        yield (date.fromisoformat(value) + timedelta(days=365)).isoformat()
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, value - 1)
    elif isinstance(value, float):
        yield from (2 * value, value + 1, value / 2, 0.9 * value)
    elif isinstance(value, str):
        yield f"{value}_other"
    elif isinstance(value, list):
        yield from ([other, *value[1:]] for other in others(_item(choices), value[0]))
    elif isinstance(value, dict) and dict in map(get_origin, choices):
        key = next(iter(value))
        yield from ({**value, key: other} for other in others(_item(choices), value[key]))
    elif str in choices:
        yield "other"
    if type(None) in get_args(annotation):
        yield None


def _item(choices: list[Any]) -> Any:
    return next(
        (get_args(choice)[1 if get_origin(choice) is dict else 0] for choice in choices if get_origin(choice) in (tuple, dict)), Any
    )


def put(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    changed = inside = copy.deepcopy(data)
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    return changed


def digests(declaration: Declaration, instead_of: Declaration, catalogue: Catalogue) -> dict[str, str]:
    """The digest of the definition and those of its parts, with all that ``declaration`` may read beside it."""
    cls = type(declaration)
    around = replace(
        catalogue,
        datasets={declaration.name: declaration} if isinstance(declaration, Dataset) else catalogue.datasets,
        views={declaration.name: declaration} if isinstance(declaration, FeatureView) else catalogue.views if cls is Model else {},
        models={declaration.name: declaration} if isinstance(declaration, Model) else {},
        origins={**catalogue.origins, declaration.name: catalogue.origins[instead_of.name]},
    )
    found = {asset.kind: asset.code_version for asset in compile_plan(around).declared_by(declaration.name)}
    rows = {ROWS: declaration_digest(declaration.name, around, ROWS)} if cls is Dataset else {}
    return {"definition": spec_digest(declaration.name, around), **found, **rows}


def changes(place: Place, catalogue: Catalogue) -> Iterator[tuple[Declaration, Declaration]]:
    """Declarations in which the field is set, each beside one that says something else there and nowhere else."""
    declared = (*catalogue.datasets.values(), *catalogue.views.values(), *catalogue.models.values())
    annotation = place.owner.model_fields[place.name].annotation
    for before in (declaration for declaration in declared if isinstance(declaration, place.declaration)):
        data = before.model_dump(mode="json", by_alias=True, exclude_unset=True)
        for path in occurrences(data, place.path):
            value = data
            for key in path:
                value = value[key]
            explicit = OTHER.get(f"{place.owner.__name__}.{place.name}")
            for other in others(annotation, value) if explicit is None else [explicit]:
                try:
                    after = place.declaration.model_validate(put(data, path, other))
                except ValidationError:
                    continue
                if after != before:
                    yield before, after  # type: ignore[misc]


def fields_that_decide(spec: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """The fields that need a mark: those of a declaration, and of a spec each of whose fields decides for itself."""
    for name, field in spec.model_fields.items():
        yield f"{spec.__name__}.{name}", field
        if isinstance(mark_of(field), EachDecides):
            yield from fields_that_decide(inner_spec(field))


def without_a_mark(declaration: type[BaseModel]) -> list[str]:
    return [name for name, field in fields_that_decide(declaration) if mark_of(field) is None]


@pytest.mark.parametrize("declaration", DECLARATIONS)
def test_somebody_decided_about_every_field(declaration: type[BaseModel]) -> None:
    assert without_a_mark(declaration) == [], "mark it: Decides(…), or DecidesNothing(why)"


@pytest.mark.parametrize("declaration", DECLARATIONS)
def test_marks_name_digests_that_there_are_and_reasons_are_sentences(declaration: type[BaseModel]) -> None:
    there = {kind for kind, row in KINDS.items() if row.of is declaration} | ({ROWS} if declaration is Dataset else set())
    for name, field in fields_that_decide(declaration):
        mark = mark_of(field)
        if isinstance(mark, Decides):
            assert mark.digests, f"{name}: a field that enters no digest is DecidesNothing(why)"
            assert set(mark.digests) <= there, name
        elif isinstance(mark, DecidesNothing):
            assert re.fullmatch(r"[A-Z].+ .+\.", mark.why), name


def test_a_forgotten_field_is_named_and_enters_every_digest() -> None:
    class LongerTraining(Training):
        patience: int = 3

    class LongerModel(Model):
        colour: str = "blue"
        training: Annotated[LongerTraining, EachDecides()] = LongerTraining()

    assert without_a_mark(LongerModel) == ["LongerTraining.patience", "LongerModel.colour"]
    kinds = [kind for kind, row in KINDS.items() if row.of is Model]
    keys = {kind: entering for kind in kinds if (entering := deciding(LongerModel, kind)) is not None}
    assert all("colour" in entering for entering in keys.values())
    assert all({"training", "training.patience"} & {*entering} for entering in keys.values())
    assert ("training" in keys["model"], "training.patience" in keys["training_set"]) == (True, True)


def test_a_digest_that_no_mark_names_holds_the_whole_declaration() -> None:
    assert deciding(Model, "explanations") is None
    assert deciding(Dataset, "dataset") is None


def test_only_a_single_spec_can_leave_it_to_its_fields() -> None:
    with pytest.raises(TypeError, match="not one spec"):
        inner_spec(Model.model_fields["gates"])


def marked(place: Place) -> Decides | DecidesNothing | None:
    """The mark that decides about a field: its own, or that of the field that it stands in."""
    spec = place.declaration
    for key in place.path:
        field = next(field for name, field in spec.model_fields.items() if key in (name, field.alias))
        mark = mark_of(field)
        if not isinstance(mark, EachDecides):
            return mark
        spec = inner_spec(field)
    raise AssertionError(f"{place} stands in a spec each field of which decides, and is none of them")


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_a_field_moves_the_digests_that_its_mark_names_and_no_others(place: Place, catalogue: Catalogue) -> None:
    for before, after in changes(place, catalogue):
        try:
            moved = _moved(before, after, catalogue)
        except (CalendarError, MlopsError):
            continue
        break
    else:
        where = f"OTHER['{place.owner.__name__}.{place.name}']"
        pytest.fail(f"{place} was not changed: set it in every_field/, or give another valid value in {where}")
    mark = marked(place)
    assert mark is not None, f"{place} has no mark, and so enters everything"
    everything = _functions(before) != _functions(after)
    field = place.owner.model_fields[place.name]
    assert everything == (repr(FUNCTION_PATTERN) in repr((field.annotation, field.metadata))), "functions() of spec.digest must tell of it"
    named = set(mark.digests) if isinstance(mark, Decides) else set()
    named |= {digest for digest in moved if everything or deciding(place.declaration, digest) is None}  # the definition's holds all
    assert {digest for digest, it_did in moved.items() if it_did} == named & set(moved)


def _moved(before: Declaration, after: Declaration, catalogue: Catalogue) -> dict[str, bool]:
    old, new = digests(before, before, catalogue), digests(after, before, catalogue)
    assert set(old) == set(new)
    return {digest: old[digest] != new[digest] for digest in old}


def _functions(declaration: Declaration) -> Mapping[Any, str]:
    """Python functions that it names: their sources enter every digest."""
    return dict(functions(declaration))
