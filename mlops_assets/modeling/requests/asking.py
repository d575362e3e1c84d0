"""Asking a bundle as the server does: rows become a request's bytes, are read and encoded by the server's own reader, and scored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.modeling.distinct import distinct
from mlops_assets.modeling.requests.forms import Form, PlainRows

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mlops_assets.modeling.bundle import Bundle
    from mlops_assets.modeling.requests.reader import RowReader


def ask(reader: RowReader, frame: pd.DataFrame, form: Form) -> np.ndarray:
    """The answers to one request with all rows of ``frame``: shape (rows,), or (rows, classes).

    Raises:
        RequestError, ValueError: when the rows cannot be written or are not taken.
    """
    return ask_rows(reader, reader.bundle.json_rows(frame), form)


def ask_rows(reader: RowReader, rows: PlainRows, form: Form) -> np.ndarray:
    """The same for rows as :meth:`~mlops_assets.modeling.bundle.Bundle.json_rows` gives them."""
    body, header = form.write(reader, rows)
    return reader.bundle.score_matrix(reader.matrix_of(form.read(reader, body, header)))


def askable(bundle: Bundle, frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``frame`` that a request can bring: without those that miss a value which requests must have."""
    import numpy as np

    kept = np.ones(len(frame), bool)
    for fitted in bundle.encoder.fitted:
        if fitted.feature.nullable:
            continue
        codes, found = distinct(frame[fitted.feature.name])
        given = [fitted.categories is None or not isinstance(value, str) or fitted.read(value) is not None for value in found]
        kept &= np.array([*given, False])[codes]
    return frame if kept.all() else frame[kept].reset_index(drop=True)
