"""Pictures of an evaluation and of its gates, as small PNG files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mlops_assets.modeling.evaluation import Evaluation
    from mlops_assets.modeling.gate_result import GateResult

DPI = 100
SHOWN_FEATURES = 15
SHOWN_CLASSES = 12
INK, QUIET, MODEL, NAIVE, CHAMPION = "#1b1f24", "#8a929c", "#2563a8", "#b4bac2", "#d08a1d"
STATUS_COLOURS = {"pass": "#2e8b57", "fail": "#c0392b", "inconclusive": "#d08a1d", "not_applicable": QUIET, "off": QUIET}


def draw_figures(evaluation: Evaluation, folder: Path, gates: Iterable[GateResult] = ()) -> list[Path]:
    """Draw everything that there is to draw into ``folder`` and return the files, in a fixed order.

    ``metrics.png`` always; ``curves.png`` (ROC and precision-recall), ``calibration.png`` and ``confusion.png`` for classification;
    ``residuals.png`` for regression; ``importance.png``, ``slices.png`` and ``gates.png`` where there are any.
    """
    results = list(gates)
    wanted: list[tuple[str, bool, Callable[[], Figure]]] = [
        ("gates", bool(results), lambda: gates_figure(results)),
        ("metrics", bool(evaluation.metrics), lambda: metrics_figure(evaluation)),
        ("curves", evaluation.curves is not None, lambda: curves_figure(evaluation)),
        ("calibration", evaluation.calibration is not None, lambda: calibration_figure(evaluation)),
        ("confusion", evaluation.confusion is not None, lambda: confusion_figure(evaluation)),
        ("residuals", evaluation.residuals is not None, lambda: residuals_figure(evaluation)),
        ("importance", bool(evaluation.importance), lambda: importance_figure(evaluation)),
        ("slices", bool(evaluation.slices), lambda: slices_figure(evaluation)),
    ]
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, there, make in wanted:
        if there:
            file = folder / f"{name}.png"
            make().savefig(file, dpi=DPI, metadata={"Software": None})
            files.append(file)
    return files


def gates_figure(results: list[GateResult]) -> Figure:
    """One line a gate, coloured by status: what was observed, and what was required."""
    figure, axes = _new(11.5, 0.5 + 0.36 * len(results), 1)
    axis = axes[0]
    axis.set_axis_off()
    axis.set_xlim(0, 1)
    axis.set_ylim(len(results) - 0.4, -0.6)
    for row, result in enumerate(results):
        colour = STATUS_COLOURS[result.status]
        axis.scatter([0.012], [row], s=70, color=colour, clip_on=False)
        axis.text(0.025, row, _cut(result.name, 34), va="center", fontsize=9, color=INK)
        axis.text(0.27, row, result.status.replace("_", " "), va="center", fontsize=9, color=colour)
        observed = "" if result.observed is None else f"{result.observed:.4g}"
        if result.interval is not None:
            observed += f"  ({result.interval[0]:.3g} to {result.interval[1]:.3g})"
        axis.text(0.365, row, observed, va="center", fontsize=9, color=INK)
        axis.text(0.555, row, _cut(result.required, 92), va="center", fontsize=8, color=QUIET)
    return figure


def metrics_figure(evaluation: Evaluation) -> Figure:
    """Every metric with its interval, beside the naive model and the champion on the same rows; each on a scale of its own."""
    names = list(evaluation.metrics)
    others: list[tuple[str, str, Mapping[str, Any]]] = [("naive model", NAIVE, evaluation.naive.get("metrics", {}))]
    if evaluation.champion and "metrics" in evaluation.champion:
        others.append(("champion", CHAMPION, evaluation.champion["metrics"]))
    figure, axes = _new(7.5, 0.7 + 0.52 * len(names), len(names))
    for axis, name in zip(axes, names, strict=True):
        for offset, (label, colour, measured) in enumerate([("model", MODEL, evaluation.metrics), *others]):
            _whisker(axis, measured.get(name, {}), 0.0 - offset, colour, label)
        axis.set_ylim(-len(others) - 0.6, 0.6)
        axis.set_yticks([])
        axis.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9, color=INK)
        axis.margins(x=0.08)
        axis.tick_params(labelsize=7, colors=QUIET)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=3, frameon=False, fontsize=8)
    return figure


def curves_figure(evaluation: Evaluation) -> Figure:
    """ROC and precision-recall curves, with what chance gives."""
    assert evaluation.curves is not None
    figure, (left, right) = _new(8.4, 4.1, 2, side_by_side=True)
    _line(left, evaluation.curves["roc"])
    left.plot([0, 1], [0, 1], color=QUIET, lw=1, ls=":")
    _titles(left, f"ROC, area {_number(evaluation.metrics['roc_auc'])}", "false positive rate", "true positive rate")
    _line(right, evaluation.curves["pr"])
    base = evaluation.outcomes["holdout"]["base_rate"]
    right.axhline(base, color=QUIET, lw=1, ls=":")
    _titles(right, f"Precision and recall, area {_number(evaluation.metrics['pr_auc'])}", "recall", "precision")
    for axis in (left, right):
        axis.set_xlim(-0.02, 1.02)
        axis.set_ylim(-0.02, 1.02)
        axis.set_aspect("equal")
    return figure


def calibration_figure(evaluation: Evaluation) -> Figure:
    """Observed rate over claimed probability, with the interval of each bin; below, how many rows make each claim."""
    assert evaluation.calibration is not None
    bins = evaluation.calibration["bins"]
    figure, (axis, below) = _new(5.0, 5.6, 2, heights=[4, 1])
    claimed, observed = [b["claimed"] for b in bins], [b["observed"] for b in bins]
    error = [[max(0.0, b["observed"] - b["low"]) for b in bins], [max(0.0, b["high"] - b["observed"]) for b in bins]]
    top = min(1.0, 1.08 * max([*claimed, *(b["high"] for b in bins), 0.02]))
    axis.plot([0, top], [0, top], color=QUIET, lw=1, ls=":")
    axis.errorbar(claimed, observed, yerr=error, color=MODEL, marker="o", ms=4, lw=1.2, capsize=2)
    axis.set_xlim(0, top)
    axis.set_ylim(0, top)
    _titles(
        axis, f"Calibration of the {evaluation.calibration['of']}, error {_number(evaluation.calibration['error'])}", "", "observed rate"
    )
    counts = evaluation.calibration["histogram"]
    below.stairs(counts, [step / len(counts) for step in range(len(counts) + 1)], fill=True, color=MODEL)
    below.set_xlim(0, top)
    _titles(below, "", "claimed probability", "rows")
    return figure


def confusion_figure(evaluation: Evaluation) -> Figure:
    """What happened by what was predicted: counts, shaded by their share of what happened."""
    assert evaluation.confusion is not None
    matrix, labels = evaluation.confusion["matrix"], [_cut(label, 12) for label in evaluation.confusion["labels"]]
    k = len(labels)
    size = 2.6 + 0.55 * min(k, 14)
    figure, axes = _new(size + 0.8, size, 1)
    axis = axes[0]
    shares = [[value / max(sum(row), 1) for value in row] for row in matrix]
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if k <= SHOWN_CLASSES:
        for i, row in enumerate(matrix):
            for j, value in enumerate(row):
                if not value:
                    continue
                dark = shares[i][j] > 0.55
                text = f"{value:,}\n{shares[i][j]:.0%}"
                axis.text(j, i, text, ha="center", va="center", fontsize=8, color="white" if dark else INK)
    axis.set_xticks(range(k), labels, fontsize=8, rotation=0 if k < 5 else 60)
    axis.set_yticks(range(k), labels, fontsize=8)
    threshold = evaluation.confusion["threshold"]
    _titles(axis, "Confusion" + (f" at {threshold:g}" if threshold else ""), "predicted", "happened")
    axis.grid(visible=False)
    return figure


def residuals_figure(evaluation: Evaluation) -> Figure:
    """Mean outcome over prediction, and the histogram of prediction minus outcome."""
    assert evaluation.residuals is not None
    figure, (left, right) = _new(8.4, 3.8, 2, side_by_side=True)
    groups = evaluation.residuals["by_prediction"]
    predicted, outcome = [g["predicted"] for g in groups], [g["outcome"] for g in groups]
    left.errorbar(predicted, outcome, yerr=[g["sd"] for g in groups], fmt="o", ms=4, color=MODEL, ecolor=NAIVE, lw=1)
    ends = [min([*predicted, *outcome]), max([*predicted, *outcome])]
    left.plot(ends, ends, color=QUIET, lw=1, ls=":")
    _titles(left, "Outcome over prediction, with sd of the error", "predicted", "mean outcome")
    histogram = evaluation.residuals["histogram"]
    right.stairs(histogram["counts"], histogram["edges"], fill=True, color=MODEL)
    right.axvline(0, color=QUIET, lw=1, ls=":")
    _titles(right, f"Error, RMSE {_number(evaluation.metrics['rmse'])}", "prediction minus outcome", "rows")
    return figure


def importance_figure(evaluation: Evaluation) -> Figure:
    """The features that matter most, by their share of the total."""
    shown = evaluation.importance[:SHOWN_FEATURES]
    figure, axes = _new(6.5, 0.8 + 0.26 * len(shown), 1)
    axis = axes[0]
    axis.barh([_cut(name, 34) for name, _ in shown][::-1], [share for _, share in shown][::-1], color=MODEL)
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    hidden = len(evaluation.importance) - len(shown)
    _titles(axis, "Importance" + (f", {hidden} more not shown" if hidden else ""), "share of the total", "")
    return figure


def slices_figure(evaluation: Evaluation) -> Figure:
    """The main metric for every slice, against the value over all rows."""
    lines = [
        (f"{column}: {value}", measured["metrics"].get(evaluation.main_metric, {}), measured["n"])
        for column, values in evaluation.slices.items()
        for value, measured in values.items()
    ]
    figure, axes = _new(7.0, 0.9 + 0.27 * len(lines), 1)
    axis = axes[0]
    overall = evaluation.metrics[evaluation.main_metric]["value"]
    if overall is not None:
        axis.axvline(overall, color=QUIET, lw=1, ls=":")
    for row, (_, measured, _) in enumerate(lines):
        _whisker(axis, measured, row, MODEL, "")
    axis.set_yticks(range(len(lines)), [f"{_cut(label, 40)} (n {n:,})" for label, _, n in lines], fontsize=8)
    axis.set_ylim(len(lines) - 0.4, -0.6)
    _titles(axis, f"{evaluation.main_metric} by slice", evaluation.main_metric, "")
    return figure


def _new(
    width: float, height: float, panels: int, *, side_by_side: bool = False, heights: list[float] | None = None
) -> tuple[Figure, list[Axes]]:
    """A figure of its own, outside pyplot, so that threads do not meet."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    rows, columns = (1, panels) if side_by_side else (panels, 1)
    axes = figure.subplots(rows, columns, squeeze=False, height_ratios=heights).ravel().tolist()
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.spines[["left", "bottom"]].set_color(NAIVE)
        axis.tick_params(labelsize=8, colors=QUIET)
    return figure, axes


def _whisker(axis: Axes, measured: Mapping[str, Any], y: float, colour: str, label: str) -> None:
    value, bounds = measured.get("value"), measured.get("interval")
    if value is None:
        return
    if bounds is not None:
        axis.plot(bounds, [y, y], color=colour, lw=2.5, solid_capstyle="round")
    axis.plot([value], [y], marker="o", ms=5, color=colour, ls="", label=label)


def _line(axis: Axes, points: list[list[float]]) -> None:
    axis.plot([x for x, _ in points], [y for _, y in points], color=MODEL, lw=1.6)


def _titles(axis: Axes, title: str, x: str, y: str) -> None:
    axis.set_title(title, fontsize=9.5, color=INK, loc="left")
    axis.set_xlabel(x, fontsize=8.5, color=INK)
    axis.set_ylabel(y, fontsize=8.5, color=INK)


def _number(measured: Mapping[str, Any]) -> str:
    if measured["value"] is None:
        return "undefined"
    bounds = measured["interval"]
    return f"{measured['value']:.3g}" + ("" if bounds is None else f" ({bounds[0]:.3g} to {bounds[1]:.3g})")


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
