"""The bundle: everything that a trained model is, in one directory that runs no code when it is loaded.

``bundle.json`` holds task, signature, classes, encoder, calibration, provenance and the SHA-256 of every other file; its own ``digest``
covers all of that, so one number stands for every byte. The estimator's files stand beside it: LightGBM's text, scikit-learn through
skops, or what a Python estimator saved itself, whose module is imported only when the first row is scored.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.calibrating.maps import Calibration, read_calibration
from mlops_assets.modeling.encoding import Encoder
from mlops_assets.modeling.estimators.build import kind_of, read_fitted
from mlops_assets.modeling.estimators.protocol import Fitted
from mlops_assets.modeling.requests.plain import plain_matrix
from mlops_assets.modeling.signature import ModelingError, Signature
from mlops_assets.modeling.target import Target
from mlops_assets.modeling.values import to_json

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

BUNDLE_FILE = "bundle.json"
SCHEMA = 1


class BundleError(ModelingError):
    """A bundle that is not what it says it is: altered, incomplete, or of a format that this version does not know."""


@dataclass(frozen=True)
class Provenance:
    """What a model came from; enough to build it again.

    Attributes:
        model: name of the model.
        as_of: as-of partition; None where undated.
        spec_digest: digest of the declaration.
        data: digest of each input, by `dataset@partition`.
        training_set: digest of the training set's manifest.
        code_version: version of the code that trained.
        environment: dev, test or prod.
        sample: share of the data that it learned from.
        seed: seed of everything random.
        libraries: versions of the libraries that shape the result.
    """

    model: str
    as_of: str | None
    spec_digest: str
    data: Mapping[str, str]
    training_set: str
    code_version: str
    environment: str
    sample: float
    seed: int
    libraries: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {**asdict(self), "data": dict(self.data), "libraries": dict(self.libraries)}


@dataclass(frozen=True)
class Bundle:
    """A trained model, loaded and verified.

    Attributes:
        task: binary_classification, multiclass_classification or regression.
        signature: what it takes in.
        classes: values of the target in the order of the probabilities (binary: negative, positive); empty for regression.
        encoder: from features to the estimator's matrix.
        provenance: what it came from.
        rows: number of training rows.
        params: all parameters of the estimator.
        kind: of the estimator, one of :data:`~mlops_assets.spec.estimators.ESTIMATOR_KINDS`.
        digest: SHA-256 that covers every byte of the directory.
        trees_digest: for LightGBM the digest of its trees alone, which a rebuild must meet; else None.
        calibration: the map from the estimator's scores to probabilities; None where the scores are used as they are.
        folder: where it lies; a Python estimator is read from there when it first scores.
    """

    task: str
    signature: Signature
    classes: tuple[Any, ...]
    encoder: Encoder
    provenance: Provenance
    rows: int
    params: Mapping[str, Any]
    kind: str
    digest: str
    trees_digest: str | None
    calibration: Calibration | None
    folder: Path
    _estimator: Mapping[str, Any]

    @classmethod
    def load(cls, folder: Path, *, digest: str | None = None) -> Bundle:
        """Read a bundle after checking every byte.

        Args:
            folder: the bundle's directory.
            digest: the digest that it must have; a bundle that is whole but another one is refused too.

        Raises:
            BundleError: naming the file that is missing, added or altered, or what else is wrong.
        """
        body = verify(folder)
        if digest is not None and body["digest"] != digest:
            raise BundleError(
                f"this is bundle {body['digest'][:12]}, not {digest[:12]}.", where=str(folder), do="Fetch the version that was judged."
            )
        signature = Signature.from_json(body["signature"])
        bundle = cls(
            task=body["task"],
            signature=signature,
            classes=tuple(body["classes"]),
            encoder=Encoder.from_json(body["encoder"], signature),
            provenance=Provenance(**body["provenance"]),
            rows=body["rows"],
            params=body["params"],
            kind=body["estimator"]["kind"],
            digest=body["digest"],
            trees_digest=body["trees_digest"],
            calibration=read_calibration(body.get("calibration")),
            folder=folder,
            _estimator=body["estimator"],
        )
        if not kind_of(bundle.kind).runs_code:
            _ = bundle.fitted
        return bundle

    def save(self, folder: Path) -> None:
        """Copy the bundle, byte for byte, into an empty or new directory."""
        verify(self.folder)
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise BundleError("the directory is not empty.", where=str(folder), do="Save into a new one.")
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)

    @cached_property
    def fitted(self) -> Fitted:
        """The estimator itself, on the encoder's matrix. Before code of the bundle runs, every byte is checked again."""
        if kind_of(self.kind).runs_code:
            verify(self.folder)
        return read_fitted(self.folder, self._estimator)

    @property
    def target(self) -> Target:
        """How the target's values become codes; :meth:`Target.encode` is what metrics are computed on."""
        return Target(self.task, self.classes)

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """Score a frame with the signature's columns; further columns are ignored, missing values are allowed.

        Returns:
            Binary: P(positive), shape (rows,). Multiclass: probabilities, shape (rows, classes). Regression: shape (rows,).

        Raises:
            BundleInputError: for a missing column or one of another type.
        """
        return self.score_matrix(self.encoder.transform(frame))

    def predict_rows(self, rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Score JSON-like rows: every feature a key, null only where the signature says so, the entity's key ignored.

        The numbers are those of :meth:`predict`, bit by bit.

        Raises:
            BundleInputError: with every problem of every row and field.
        """
        return self.score_matrix(self.matrix(rows))

    def matrix(self, rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """The estimator's matrix for JSON-like rows, after the checks of :meth:`predict_rows`."""
        return plain_matrix(self.signature, self.encoder, rows)

    def reloaded(self) -> Bundle:
        """The same bundle read once more from its files, as a server reads it."""
        return Bundle.load(self.folder, digest=self.digest)

    def json_rows(self, frame: pd.DataFrame) -> list[dict[str, Any]]:
        """Rows of a frame as :meth:`predict_rows` takes them."""
        columns = [to_json(frame[feature.name], feature) for feature in self.signature.features]
        return [dict(zip(self.signature.names, values, strict=True)) for values in zip(*columns, strict=True)]

    def importance(self) -> list[tuple[str, float]]:
        """Features with their importance, largest first: total gain for LightGBM, absolute coefficients or impurity for scikit-learn.

        Empty where the estimator has none. Columns of one feature are summed.
        """
        by_column = self.fitted.importance()
        if by_column is None:
            return []
        totals = dict.fromkeys(self.signature.names, 0.0)
        for source, value in zip(self.encoder.sources, by_column, strict=True):
            totals[source] += float(value)
        return sorted(totals.items(), key=lambda item: (-item[1], item[0]))

    def score_matrix(self, matrix: np.ndarray) -> np.ndarray:
        """Score an encoded matrix; the shape of the result is that of :meth:`predict`."""
        import numpy as np

        if len(matrix) == 0:
            return np.empty((0, len(self.classes)) if self.task == "multiclass_classification" else (0,), dtype="float64")
        scores = self.fitted.predict(matrix)
        return scores if self.calibration is None else self.calibration.apply(scores)


def write_bundle(
    folder: Path,
    *,
    signature: Signature,
    target: Target,
    encoder: Encoder,
    provenance: Provenance,
    rows: int,
    kind: str,
    params: Mapping[str, Any],
    fitted: Fitted,
    calibration: Calibration | None = None,
) -> Bundle:
    """Write a trained model into an empty or new directory and load it from there, so that what is judged is what is stored."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise BundleError("the directory is not empty.", where=str(folder), do="Train into a new one.")
    described = fitted.write(folder)
    body = {
        "schema": SCHEMA,
        "task": target.task,
        "signature": signature.to_json(),
        "classes": list(target.classes),
        "encoder": encoder.to_json(),
        "estimator": {"kind": kind, **described},
        "params": dict(params),
        "provenance": provenance.to_json(),
        "rows": rows,
        "trees_digest": fitted.trees_digest,
        "files": {name: _sha256(folder / name) for name in _files(folder)},
        **({"calibration": calibration.to_json()} if calibration else {}),
    }
    body["digest"] = hashlib.sha256(_canonical(body)).hexdigest()
    (folder / BUNDLE_FILE).write_bytes(_canonical(body))
    return Bundle.load(folder)


def verify(folder: Path) -> dict[str, Any]:
    """Check every byte of a bundle and return the body of its ``bundle.json``. Imports and runs nothing of it.

    Raises:
        BundleError: naming the file that is missing, added or altered.
    """
    described = folder / BUNDLE_FILE
    if not described.is_file():
        raise BundleError(f"there is no {BUNDLE_FILE}, so this is no bundle.", where=str(folder))
    content = described.read_bytes()
    try:
        body = json.loads(content)
        claimed = body.pop("digest")
        whole = hashlib.sha256(_canonical(body)).hexdigest() == claimed and _canonical({**body, "digest": claimed}) == content
    except (ValueError, AttributeError, KeyError, TypeError):
        whole = False
    if not whole:
        raise BundleError(f"{BUNDLE_FILE} was altered.", where=str(folder), do="Restore the bundle from the store.")
    if body["schema"] != SCHEMA:
        raise BundleError(f"the bundle has format {body['schema']}; this version reads {SCHEMA}.", where=str(folder))
    present, expected = set(_files(folder)), body["files"]
    for name in sorted(present ^ set(expected)):
        found = "is missing" if name in expected else "does not belong to it"
        raise BundleError(f"{name} {found}.", where=str(folder), do="Restore the bundle from the store.")
    for name, digest in sorted(expected.items()):
        if _sha256(folder / name) != digest:
            raise BundleError(f"{name} was altered.", where=str(folder), do="Restore the bundle from the store.")
    body["digest"] = claimed
    result: dict[str, Any] = body
    return result


def _files(folder: Path) -> list[str]:
    paths = (path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink())
    return sorted(name for path in paths if (name := path.relative_to(folder).as_posix()) != BUNDLE_FILE)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _canonical(body: Any) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
