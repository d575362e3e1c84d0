"""A gate that a function of the definition decides: ``(evaluation) -> answer``.

The answer is true or false, a :class:`GateResult`, or a mapping with ``status`` and any of ``observed``, ``required``, ``interval``, ``n``,
``n_effective``, ``detail``, ``data``. A function that raises, or answers anything else, does not pass.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mlops_assets.functions import resolve
from mlops_assets.modeling.gate_result import STATUSES, GateResult
from mlops_assets.modeling.gates.bench import Bench, Cases
from mlops_assets.modeling.gates.context import GateContext
from mlops_assets.spec.gates import Gate

_ANSWERS = tuple(status for status in STATUSES if status != "off")
_KEYS = tuple(GateResult.__dataclass_fields__)


def judge(context: GateContext, name: str, gate: Gate) -> GateResult:
    """Call the function and read its answer.

    Raises:
        MlopsError: when the function cannot be found or imported.
    """
    assert gate.python is not None
    function = resolve(gate.python, context.folder)
    measured = context.measured
    worth = measured.blocks["n_effective"]
    unread = GateResult(name, "fail", None, f"{gate.python} passes", n=measured.rows["holdout"], n_effective=worth)
    try:
        answer = function(measured)
    except Exception as error:
        return replace(unread, detail=f"{gate.python} raised {type(error).__name__}: {error}")
    return _read(answer, unread)


def _read(answer: Any, unread: GateResult) -> GateResult:
    if isinstance(answer, GateResult):
        answer = answer.to_json()
    if isinstance(answer, bool):
        return replace(unread, status="pass" if answer else "fail", detail=f"The function answered {str(answer).lower()}.")
    if not isinstance(answer, Mapping):
        return replace(
            unread, detail=f"The function answered {type(answer).__name__}; valid are true, false, a mapping with status, or a GateResult."
        )
    if answer.get("status") not in _ANSWERS:
        return replace(unread, detail=f"The function answered status {answer.get('status')!r}; valid are {', '.join(_ANSWERS)}.")
    if unknown := sorted(set(answer) - set(_KEYS)):
        return replace(unread, detail=f"The function's answer has the unknown key {unknown[0]!r}; valid are {', '.join(_KEYS)}.")
    try:
        body = json.loads(json.dumps({**unread.to_json(), "detail": "", **answer, "name": unread.name}, allow_nan=False))
        result = GateResult.from_json(body)
        numbers = [result.observed, *(result.interval or ())]
        if any(x is not None and not (isinstance(x, int | float) and math.isfinite(x)) for x in numbers):
            raise ValueError("observed and interval must be numbers")
    except (TypeError, ValueError, IndexError, KeyError) as error:
        return replace(unread, detail=f"The function's answer is not plain data: {error}.")
    if result.status == "pass" and result.n == 0:
        return replace(result, status="inconclusive", detail=f"No rows. {result.detail}".strip())
    return result


def known_bad(bench: Bench) -> Cases:
    """Models from always right to knowing nothing: the function must refuse one of them, and let one pass."""
    levels = [*bench.levels(), ("predictions that have nothing to do with the outcome", lambda: bench.predicting(bench.knowing_nothing()))]
    return Cases(bad=levels, good=levels)
