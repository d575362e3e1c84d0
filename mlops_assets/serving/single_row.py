"""One row at a time through LightGBM, without a frame and without setting a prediction up again for each row.

This calls ``LGBM_BoosterPredictForMatSingleRowFast`` of LightGBM's C interface
(https://lightgbm.readthedocs.io/en/stable/C-API.html) on the handle of a Python booster. The Python package does not expose it, so
the library's version is held to :data:`TESTED`, and a version of a model is served this way only after its answers were found equal.
"""

from __future__ import annotations

import ctypes
import struct
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mlops_assets.serving.errors import ServingError

if TYPE_CHECKING:
    import lightgbm

TESTED = ("4.7.",)
"""Beginnings of the LightGBM versions whose C interface this was tested with."""

_NORMAL, _FLOAT64, _ALL = 0, 1, -1


class SingleRow:
    """Scores single rows of ``columns`` numbers with ``outputs`` results; each thread gets a handle of its own.

    Raises:
        ServingError: for a version of LightGBM that this was not tested with, or without the function.
    """

    def __init__(self, booster: lightgbm.Booster, columns: int, outputs: int) -> None:
        import lightgbm

        if not lightgbm.__version__.startswith(TESTED):
            raise ServingError(f"LightGBM {lightgbm.__version__} was not tested with single rows.", valid=[f"{v}x" for v in TESTED])
        library = getattr(lightgbm.basic, "_LIB", None)
        handle = getattr(booster, "_handle", None)
        if library is None or handle is None or not hasattr(library, "LGBM_BoosterPredictForMatSingleRowFast"):
            raise ServingError("this LightGBM has no single-row function.")
        self._library = library
        self._booster = booster
        self._columns = columns
        self._outputs = outputs
        self._local = threading.local()

    def score(self, row: Sequence[float]) -> list[float]:
        """The results of one row.

        Raises:
            ServingError: when LightGBM refuses.
        """
        try:
            one: _Handle = self._local.handle
        except AttributeError:
            one = self._local.handle = _Handle(self._library, self._booster, self._columns, self._outputs)
        return one.score(row)


class _Handle:
    """One thread's prepared prediction and its two buffers."""

    def __init__(self, library: Any, booster: lightgbm.Booster, columns: int, outputs: int) -> None:
        self._library = library
        self._booster = booster
        self._pack = struct.Struct(f"={columns}d").pack_into
        self._row = (ctypes.c_double * columns)()
        self._result = (ctypes.c_double * outputs)()
        self._length = ctypes.c_int64(0)
        self._config = ctypes.c_void_p()
        code = library.LGBM_BoosterPredictForMatSingleRowFastInit(
            booster._handle,
            ctypes.c_int(_NORMAL),
            ctypes.c_int(0),
            ctypes.c_int(_ALL),
            ctypes.c_int(_FLOAT64),
            ctypes.c_int32(columns),
            ctypes.c_char_p(b"num_threads=1"),
            ctypes.byref(self._config),
        )
        if code != 0:
            raise ServingError("LightGBM refuses to prepare single rows.")
        # A function pointer of this handle's own: argument types on the shared one would reach into the lightgbm package.
        prototype = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
        self._call = prototype(("LGBM_BoosterPredictForMatSingleRowFast", library))
        self._arguments = (
            self._config,
            ctypes.addressof(self._row),
            ctypes.addressof(self._length),
            ctypes.addressof(self._result),
        )

    def score(self, row: Sequence[float]) -> list[float]:
        self._pack(self._row, 0, *row)
        if self._call(*self._arguments) != 0 or self._length.value != len(self._result):
            raise ServingError("LightGBM refuses to score a row.")
        return self._result[:]

    def __del__(self) -> None:
        if getattr(self, "_config", None):
            self._library.LGBM_FastConfigFree(self._config)
