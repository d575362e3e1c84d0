"""LightGBM: deterministic over threads, saved as its own text."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import nearest
from mlops_assets.modeling.encoding import Form
from mlops_assets.modeling.estimators.lightgbm_parameters import DEFAULTS, WHERE, canonical, default_space, quick, size_defaults
from mlops_assets.modeling.estimators.protocol import EstimatorKind, Fitted, Matrix, Problem, Recipe
from mlops_assets.modeling.signature import ModelingError
from mlops_assets.spec.lightgbm_parameters import OBJECTIVES

if TYPE_CHECKING:
    import lightgbm
    import numpy as np

    from mlops_assets.spec.training import SearchRange

FILE = "model.txt"
END_OF_TREES = "end of trees"

_NOT_FOR_THE_ENGINE = ("num_boost_round", "early_stopping_rounds", "monotone_constraints")


@dataclass(frozen=True)
class LightGBMRecipe(Recipe):
    """LightGBM with the spec's parameters under their canonical names.

    Parameters that would read files, move work elsewhere or break determinism are refused.
    """

    problem: Problem
    given: Mapping[str, Any] = field(default_factory=dict)
    form: Form = "native"

    def __post_init__(self) -> None:
        object.__setattr__(self, "given", canonical(self.given, self.problem.task))

    def params(self, rows: int) -> dict[str, Any]:
        """Defaults, those that follow the number of rows included, with the given parameters over them."""
        return {**size_defaults(rows), **self._plain}

    @property
    def _plain(self) -> dict[str, Any]:
        return {"objective": OBJECTIVES[self.problem.task][0], **DEFAULTS, **self.given}

    @property
    def patience(self) -> int | None:
        """Rounds without improvement after which inner validation stops training; None: no early stopping."""
        found = self._plain.get("early_stopping_rounds")
        return int(found) if found else None

    def with_params(self, changed: Mapping[str, Any]) -> LightGBMRecipe:
        """The same recipe with some parameters changed."""
        return LightGBMRecipe(self.problem, {**self.given, **canonical(changed, self.problem.task)})

    def settle(self, split: Callable[[], tuple[Matrix, Matrix]]) -> LightGBMRecipe:
        """With early stopping: the same recipe with the number of trees that did best on the rows to validate on."""
        return self if self.patience is None else self.with_rounds(self.best_rounds(*split()))

    def space(self, rows: int) -> dict[str, SearchRange]:
        """Parameters that matter most; the number of trees only without early stopping."""
        found = default_space(rows)
        if self.patience is not None:
            del found["num_boost_round"]
        return found

    def with_rounds(self, rounds: int) -> LightGBMRecipe:
        """The same recipe with a number of trees that is settled: no early stopping."""
        settled = {name: value for name, value in self.given.items() if name != "early_stopping_rounds"}
        return LightGBMRecipe(self.problem, {**settled, "num_boost_round": rounds})

    def fit(self, data: Matrix) -> LightGBMFitted:
        """Train on all rows of ``data``."""
        import lightgbm

        with _complaints():
            booster = lightgbm.train(self._engine(data), self._dataset(data), num_boost_round=self._rounds)
        return LightGBMFitted(booster.model_to_string())

    def best_rounds(self, data: Matrix, validation: Matrix) -> int:
        """How many trees did best on ``validation`` before :attr:`patience` ran out."""
        import lightgbm

        train = self._dataset(data)
        with _complaints():
            booster = lightgbm.train(
                self._engine(data),
                train,
                num_boost_round=self._rounds,
                valid_sets=[self._dataset(validation, reference=train)],
                callbacks=[lightgbm.early_stopping(self.patience or 1, verbose=False)],
            )
        return max(1, booster.best_iteration)

    @property
    def _rounds(self) -> int:
        return int(self._plain["num_boost_round"])

    def _engine(self, data: Matrix) -> dict[str, Any]:
        params = self.params(len(data.y))
        return {
            **{name: value for name, value in params.items() if name not in _NOT_FOR_THE_ENGINE},
            **_monotone(params.get("monotone_constraints"), data),
            **({"num_class": self.problem.classes} if self.problem.task == "multiclass_classification" else {}),
            "seed": self.problem.seed,
            "num_threads": self.problem.threads,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }

    def _dataset(self, data: Matrix, reference: Any = None) -> lightgbm.Dataset:
        import lightgbm

        return lightgbm.Dataset(
            data.x,
            label=data.y,
            weight=data.weight,
            feature_name=_safe(data.names),
            categorical_feature=list(data.categorical),
            params={"verbosity": -1},
            reference=reference,
        )


class LightGBMFitted(Fitted):
    """Trees in LightGBM's text form. Prediction uses one thread, so that small inputs are steady and large ones exact."""

    def __init__(self, text: str) -> None:
        import lightgbm

        # The text embeds the number of threads, which changes nothing but would change the bundle's digest.
        self.text = re.sub(r"\[num_threads: -?\d+\]", "[num_threads: 1]", text)
        self.booster = lightgbm.Booster(model_str=self.text)

    @classmethod
    def read(cls, folder: Path, described: Mapping[str, Any]) -> LightGBMFitted:
        """Read what :meth:`write` wrote."""
        return cls((folder / described["file"]).read_text(encoding="utf-8"))

    def write(self, folder: Path) -> dict[str, Any]:
        """Write the text."""
        (folder / FILE).write_text(self.text, encoding="utf-8", newline="\n")
        return {"file": FILE}

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Probabilities or numbers, row by row independent."""
        import numpy as np

        return np.asarray(self.booster.predict(x, num_threads=1))

    def importance(self) -> np.ndarray:
        """Total gain of each column."""
        import numpy as np

        return np.asarray(self.booster.feature_importance("gain"), dtype="float64")

    @property
    def trees(self) -> int:
        """Number of trees."""
        return int(self.booster.num_trees())

    @property
    def trees_digest(self) -> str:
        """SHA-256 of the text up to the end of the trees: the same for the same rows, spec and seed, however it was run."""
        head, found, _ = self.text.partition(END_OF_TREES)
        if not found:
            raise ModelingError("the LightGBM text has no end of trees; the file is not whole.")
        return hashlib.sha256(head.encode()).hexdigest()


KIND = EstimatorKind(recipe=lambda declared, problem, definitions: LightGBMRecipe(problem, declared), read=LightGBMFitted.read, quick=quick)


def _safe(names: Sequence[str]) -> list[str]:
    """Column names without the characters that LightGBM refuses, still unique."""
    result: list[str] = []
    for index, name in enumerate(names):
        safe = re.sub(r"[^\w.\-]", "_", name)
        if safe in result:
            safe = f"{safe}_{index}"
        while safe in result:
            safe += "_"
        result.append(safe)
    return result


def _monotone(given: Any, data: Matrix) -> dict[str, Any]:
    """`monotone_constraints` by column name (1 rising, -1 falling), or as a list over all columns."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        return {"monotone_constraints": given}
    for name in given:
        if name not in data.names:
            guess = nearest(str(name), data.names)
            raise ModelingError(
                f"monotone_constraints names {name!r}, which is no column of the model.",
                where=WHERE,
                do=f"Did you mean {guess!r}?" if guess else f"Columns are {', '.join(data.names)}.",
            )
    return {"monotone_constraints": [given.get(name, 0) for name in data.names]}


@contextlib.contextmanager
def _complaints() -> Iterator[None]:
    """Turns what LightGBM refuses into an error of ours, and keeps its messages off standard output."""
    import lightgbm
    from lightgbm.basic import LightGBMError

    lightgbm.register_logger(logging.getLogger(__name__))
    try:
        yield
    except (LightGBMError, TypeError, ValueError) as error:
        raise ModelingError(f"LightGBM refuses to train: {error}", where=WHERE) from error
