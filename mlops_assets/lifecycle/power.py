"""How the gates of a model stand with its declared holdout: what its data bring, counted in rows that are read or stored."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING, Any

from mlops_assets.data.training_sets.positive import positive_class
from mlops_assets.lifecycle.bundles import EVALUATIONS
from mlops_assets.lifecycle.records import kept_version, record_of
from mlops_assets.modeling.gates.comparison import DEFAULT_MARGIN
from mlops_assets.modeling.gates.context import MIN_N
from mlops_assets.modeling.holdout_power import LARGEST_SHARE, Brought, Standing, shortest_of_all, standings
from mlops_assets.modeling.power import Assumed, needs
from mlops_assets.spec.gates import gate_names
from mlops_assets.spec.tasks import CLASSIFICATION
from mlops_assets.spec.windows import model_windows

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    import pyarrow as pa

    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.modeling.power import Need
    from mlops_assets.spec.model import Model
    from mlops_assets.spec.periods import Windows

PERIODS = 60
"""So many of the newest periods are looked at for what a longer holdout would be worth."""
STORED = 12
"""So many of the newest stored partitions say how many rows one has."""


@dataclass(frozen=True)
class HoldoutPower:
    """What ``mlops check --data`` says of one model's holdout."""

    model: Model
    brought: Brought
    assumed: Assumed
    gates: list[Standing]

    @property
    def undecided(self) -> list[Standing]:
        """Gates that this holdout leaves inconclusive too often. An undated model is not trained anew beside a champion by time."""
        dated = self.brought.unit is not None
        return [one for one in self.gates if not one.decides and (dated or one.gate != "champion")]

    @property
    def warning(self) -> tuple[str, str] | None:
        """What is wrong with the holdout, and what to write; None where every gate decides."""
        few = self.undecided
        if not few:
            return None
        named = ", ".join(f"{one.gate} {'no number of rows' if one.needs is None else f'{one.needs:,}'}" for one in few)
        declared = self.brought.written(self.brought.size)
        found = f"a holdout of {declared} is worth {few[0].has:,.0f} effective rows, and gates need more to decide: {named}"
        if (size := shortest_of_all(few)) is not None:
            return found, f"Write `holdout: {self.brought.written(size)}`, or ask less of them: a wider margin, a limit further off."
        longest = self.brought.written(self.brought.longest)
        less = self._wider_margin or "a wider margin or a limit further off"
        return found, f"Not even {longest}, the longest possible, would do for all: ask less of them, such as {less}."

    @property
    def _wider_margin(self) -> str | None:
        """A margin to the champion that this holdout decides, as the definition says it; rows grow with the inverse of its square."""
        gate, standing = self.model.default_gate("champion"), {one.gate: one for one in self.undecided}.get("champion")
        if standing is None or not standing.needs or standing.has < MIN_N:
            return None
        margin = (DEFAULT_MARGIN if gate.margin is None else gate.margin) * math.sqrt(standing.needs / standing.has)
        return f"`{{gate: champion, margin: {math.ceil(100 * margin) / 100:g}}}`"

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        written = self.brought.written
        return {
            "holdout": written(self.brought.size),
            "rows": self.brought.rows,
            "effective": round(self.brought.worth(self.brought.size), 1),
            "base_rate": self.assumed.rate if self.model.task != "regression" else None,
            "gates": [
                {
                    "gate": one.gate,
                    "needs": one.needs,
                    "has": round(one.has, 1),
                    "decides": one.decides,
                    "shortest_holdout": None if one.shortest is None else written(one.shortest),
                    "why": one.why,
                }
                for one in self.gates
            ],
        }


def holdout_power(workspace: Workspace, name: str, table: pa.Table | None = None) -> HoldoutPower | None:
    """How the gates of model ``name`` stand; None where there are no rows to count.

    Args:
        workspace: the project.
        name: the model.
        table: rows of its examples as the source has them; None takes the newest stored training set.
    """
    model = workspace.catalogue.models[name]
    windows = model_windows(model, workspace.catalogue)
    rows = _of_examples(workspace, model, table) if table is not None else _of_training_set(workspace, model)
    if rows is None or rows.empty:
        return None
    loss, rate = _outcomes(model, rows["target"])
    evaluation = _newest_evaluation(workspace, name)
    brought = _brought(model, windows, rows, loss, _independent(evaluation))
    if brought is None:
        return None
    groups = {column: _shares(rows[column]) for column in _columns(model) if column in rows}
    assumed = Assumed(rate, _scores(evaluation), groups)
    return HoldoutPower(model, brought, assumed, standings(needs(model, assumed), brought))


def planned_needs(workspace: Workspace, name: str) -> tuple[list[Need], int | None]:
    """What each gate of a model needs, as far as it can be told without data, and the rows of a stored partition of its examples."""
    model = workspace.catalogue.models[name]
    rows = None
    if model.examples is not None:
        keys = workspace.store.partitions(model.examples.from_)[-STORED:]
        counts = [manifest.rows for manifest in workspace.store.window(model.examples.from_, keys).values()]
        rows = int(median(counts)) if counts else None
    return needs(model), rows


def _of_examples(workspace: Workspace, model: Model, table: pa.Table) -> pd.DataFrame | None:
    """Target, time, entity and group columns of the examples of complete periods; None where columns are missing."""
    import pandas as pd

    assert model.examples is not None
    dataset, target = workspace.catalogue.datasets[model.examples.from_], model.examples.target
    time = dataset.event_time if dataset.calendar is not None else None
    wanted = [target, *([time] if time else []), *model.entity, *_columns(model)]
    if target not in table.column_names or (time and time not in table.column_names):
        return None
    frame: pd.DataFrame = table.select([c for c in dict.fromkeys(wanted) if c in table.column_names]).to_pandas()
    result = frame.drop(columns=[target]).assign(target=frame[target])
    result["moment"] = pd.to_datetime(frame[time], utc=True) if time else pd.NaT
    if dataset.calendar is not None:
        result = result[result["moment"].notna()]
        newest = dataset.calendar.newest_complete(datetime.now(UTC))
        if newest is None:
            return None
        result = result[result["moment"] < pd.Timestamp(dataset.calendar.end_of(newest))]
    return result[result["target"].notna()].reset_index(drop=True)


def _of_training_set(workspace: Workspace, model: Model) -> pd.DataFrame | None:
    """The same of the newest stored training set."""
    import pandas as pd

    asset = f"{model.name}/training_set"
    keys = workspace.store.partitions(asset)
    manifest = workspace.store.current(asset, keys[-1] if keys else None)
    if manifest is None:
        return None
    frame: pd.DataFrame = workspace.store.read(manifest).to_pandas()
    # Features of an as-of time are of the period that ends there.
    moment = pd.to_datetime(frame["__as_of"], utc=True) - pd.Timedelta(0 if model.examples else 1, unit="us")
    frame = frame.assign(target=frame["__target"], moment=moment)
    return frame[frame["target"].notna()].reset_index(drop=True)


def _columns(model: Model) -> list[str]:
    """Columns by whose values gates go."""
    found = [column for _, gate in gate_names(model.gates) for column in (gate.slice, gate.attribute) if column is not None]
    return list(dict.fromkeys(found))


def _outcomes(model: Model, target: pd.Series) -> tuple[Any, float]:
    """What a model that says the same of every row would lose on each, up to a linear map, and the share of the rare or positive class."""
    import numpy as np
    import pandas as pd

    if model.task not in CLASSIFICATION:
        y = pd.to_numeric(target, errors="coerce").fillna(0.0).to_numpy(float)
        return np.square(y - y.mean()), Assumed().rate
    codes, classes = pd.factorize(target.astype(object))
    shares = np.bincount(codes) / len(codes)
    if model.task == "multiclass_classification":
        return 1 - shares[codes], float(np.clip(shares.min(), 1e-3, 0.5))
    named = 1 if model.positive is None else model.positive
    positive = positive_class([_plain(one) for one in classes], named)
    hits = [_plain(one) == positive for one in classes].index(True) if positive is not None else len(classes) - 1
    return (codes == hits).astype(float), float(np.clip(shares[hits], 1e-3, 1 - 1e-3))


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _shares(column: pd.Series) -> tuple[float, ...]:
    from mlops_assets.modeling.slices import slices_of

    counts = [int(inside.sum()) for _, inside in slices_of(column.to_frame(), str(column.name))]
    return tuple(count / len(column) for count in counts if count)


def _newest_evaluation(workspace: Workspace, name: str) -> Mapping[str, Any] | None:
    """That of the newest registered version; None where there is none."""
    newest, number = None, 1
    while (kept := kept_version(workspace, name, number)) is not None:
        newest, number = kept, number + 1
    return None if newest is None else record_of(workspace.store, EVALUATIONS, newest.get("evaluation"))


def _scores(evaluation: Mapping[str, Any] | None) -> Mapping[str, float]:
    metrics = {} if evaluation is None else evaluation["metrics"]
    return {metric: found["value"] for metric, found in metrics.items() if found.get("value") is not None}


def _independent(evaluation: Mapping[str, Any] | None) -> float | None:
    """How many independent rows a row of its holdout was worth; None where nothing was judged."""
    if evaluation is None or not evaluation["rows"].get("holdout"):
        return None
    return float(evaluation["blocks"]["n_effective"]) / float(evaluation["rows"]["holdout"])


def _brought(model: Model, windows: Windows, rows: pd.DataFrame, loss: Any, independent: float | None) -> Brought | None:
    import numpy as np

    calendar = windows.calendar
    if calendar is None or rows["moment"].isna().all():
        if windows.holdout_share is None:
            return None
        share = windows.holdout_share
        return Brought(None, share, LARGEST_SHARE, round(share * len(rows)), [_worth(model, rows, loss, independent)])
    newest = calendar.key_of(rows["moment"].max().to_pydatetime())
    first = calendar.key_of(rows["moment"].min().to_pydatetime())
    size = windows.holdout_periods(calendar.shift(newest, windows.horizon))
    periods = min(calendar.distance(first, newest) + 1, max(PERIODS, size))
    starts = [calendar.start_of(calendar.shift(newest, -back)) for back in range(periods)]
    moments = rows["moment"]
    effective = []
    for start in starts:
        inside = np.asarray(moments >= start)
        effective.append(_worth(model, rows[inside].reset_index(drop=True), loss[inside], independent))
    held = int((moments >= starts[min(size, periods) - 1]).sum())
    span = windows.window if windows.window is not None else calendar.distance(calendar.first_key, newest) + 1
    return Brought(calendar.every, size, max(size, span - windows.horizon - 1), held, effective)


def _worth(model: Model, rows: pd.DataFrame, loss: Any, independent: float | None) -> float:
    """How many independent rows these are worth: as gates found of the newest version's, else by how alike the outcomes of an entity are.

    How far the errors of a model depend on time cannot be known before there is one.
    """
    from mlops_assets.modeling.bootstrap import choose_blocks, effective_n

    if independent is not None:
        return independent * len(rows)
    keys = [column for column in model.entity if column in rows]
    return effective_n(choose_blocks(rows[keys], None, len(rows)), loss) if keys else float(len(rows))
