"""Measurements as one table in Markdown, and as lines below it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_COLUMNS = (
    "server",
    "1 row: requests/s",
    "p50 / p99 ms",
    "CPU µs/request",
    "100 rows: requests/s",
    "p50 / p99 ms",
    "MiB",
    "start s",
    "errors",
)


def render(report: dict[str, Any]) -> str:
    """The whole report as text."""
    parts = [_closed(report), _ratios(report), _costs(report), _shadow(report), _open(report), _swaps(report), _machine(report)]
    return "\n\n".join(part for part in parts if part) + "\n"


def ratios(report: dict[str, Any], workers: str = "1 worker") -> dict[str, float]:
    """How the server stands to the best peer of each column, and to the echo application with as many workers."""
    found = {row["name"]: row for row in report.get("closed", ()) if "one" in row}
    own, echo = found.get(f"mlops serve, {workers}"), found.get(f"echo (uvicorn), {workers}")
    if own is None:
        return {}
    result = {}
    if echo is not None:
        result["echo, requests/s"] = own["one"]["rate"] / echo["one"]["rate"]
        result["echo, CPU"] = echo["one"]["cpu"] / own["one"]["cpu"]
    if peers := [row for row in found.values() if row["peer"]]:
        for rows in ("one", "many"):
            result[f"{rows}, requests/s"] = own[rows]["rate"] / max(row[rows]["rate"] for row in peers)
            result[f"{rows}, CPU"] = min(row[rows]["cpu"] for row in peers) / own[rows]["cpu"]
    return result


def _closed(report: dict[str, Any]) -> str:
    if not report.get("closed"):
        return ""
    lines = []
    for row in report["closed"]:
        if "problem" in row:
            lines.append((row["name"], row["problem"].splitlines()[0][:80], *[""] * 7))
            continue
        one, many = row["one"], row["many"]
        lines.append(
            (
                row["name"],
                f"{one['rate']:,.0f}",
                f"{one['p50']:.1f} / {one['p99']:.1f}",
                f"{one['cpu']:,.0f}",
                f"{many['rate']:,.0f}",
                f"{many['p50']:.1f} / {many['p99']:.1f}",
                f"{row['memory']:.0f}",
                f"{row['first_answer']:.1f}",
                f"{one['errors'] + many['errors']}",
            )
        )
    return _markdown(_COLUMNS, lines)


def _ratios(report: dict[str, Any]) -> str:
    lines = []
    for workers in ("1 worker", "2 workers"):
        found = ratios(report, workers)
        said = []
        if "echo, requests/s" in found:
            said.append(f"{found['echo, requests/s']:.0%} of the echo application's requests/s ({found['echo, CPU']:.0%} by CPU)")
        for rows, label in (("one", "one row"), ("many", "100 rows")):
            if f"{rows}, requests/s" in found:
                said.append(f"{label} {found[f'{rows}, requests/s']:.1f} times the best peer ({found[f'{rows}, CPU']:.1f} times by CPU)")
        if said:
            lines.append(f"{workers}: {'; '.join(said)}.")
    return "\n".join(lines)


def _costs(report: dict[str, Any]) -> str:
    if not report.get("costs"):
        return ""
    whole = next(row for row in report["costs"] if row["name"] == "all on")
    lines = []
    for row in report["costs"]:
        saved = whole["cpu"] - row["cpu"]
        cost = "" if row is whole else f"{saved:+.1f}"
        lines.append((row["name"], f"{row['rate']:,.0f}", f"{row['p50']:.1f} / {row['p99']:.1f}", f"{row['cpu']:.1f}", cost))
    return _markdown(("one worker, one row", "requests/s", "p50 / p99 ms", "CPU µs/request", "cost of the duty, CPU µs"), lines)


def _shadow(report: dict[str, Any]) -> str:
    if not report.get("shadow"):
        return ""
    alone, watched = report["shadow"]
    more = "; ".join(
        f"{name} {watched[part] - alone[part]:+.2f} ms ({watched[part] / alone[part] - 1:+.0%})"
        for part, name in (("p50", "median"), ("p95", "p95"), ("p99", "p99"))
    )
    lines = [
        (
            row["name"],
            " / ".join(f"{row[part]:.2f}" for part in ("p50", "p95", "p99")),
            f"{row['cpu']:.0f}",
            f"{row['closed']['rate']:,.0f}",
            f"{row['errors'] + row['closed']['errors']}",
        )
        for row in report["shadow"]
    ]
    paced = f"{alone['paced']:g} requests/s"
    head = ("one worker, one row", f"{paced}: p50 / p95 / p99 ms", "CPU µs/request", "32 connections: requests/s", "errors")
    return f"{_markdown(head, lines)}\n\nA shadow adds at {paced}: {more}."


def _open(report: dict[str, Any]) -> str:
    found = report.get("open")
    if not found:
        return ""
    latencies = " / ".join(f"{found[name]:.2f}" for name in ("p50", "p95", "p99", "p999"))
    return (
        f"Open loop, {found['rate']:g} requests/s for {found['seconds'] / 60:g} min: p50 / p95 / p99 / p99.9 {latencies} ms, longest"
        f" {found['most']:.1f} ms, {found['answers']:,} answers, {found['errors']} errors, {found['cpu']:.0f} CPU µs/request."
        f" The generator itself was never more than {found['late']:.1f} ms late."
    )


def _swaps(report: dict[str, Any]) -> str:
    found = report.get("swaps")
    if not found:
        return ""
    return (
        f"{found['promotions']} promotions and {found['rollbacks']} rollbacks at {found['rate']:g} requests/s, {found['workers']} workers:"
        f" {found['answers']:,} answers, {found['errors']} failed, {found['wrong']} by a version that was not live; the last answer by the"
        f" version before came from a request {found['oldest']:.2f} s after the change; first answer by the new one after at most"
        f" {found['picked_up']:.2f} s; p50 / p99 {found['p50']:.2f} / {found['p99']:.2f} ms: {'passed' if found['passed'] else 'FAILED'}."
    )


def _machine(report: dict[str, Any]) -> str:
    machine = report["machine"]
    busy = sorted(row["neighbours"] for row in _measurements(report))
    others = f"; other processes took up to {busy[-1]:.0%} of them during a measurement (median {busy[len(busy) // 2]:.0%})" if busy else ""
    return (
        f"{machine['processor']}, {machine['cores']} cores shared with the load generator{others};"
        f" load average at the start {machine['load_average'][0]:g}; Python {machine['python']}."
    )


def _measurements(report: dict[str, Any]) -> list[dict[str, Any]]:
    closed = [row[part] for row in report.get("closed", ()) if "one" in row for part in ("one", "many")]
    return [*closed, *report.get("costs", ()), *report.get("shadow", ()), *(report[part] for part in ("open", "swaps") if report.get(part))]


def _markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[index]) for row in (head, *lines)) for index in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        first, *rest = (
            cell.ljust(width) if index == 0 else cell.rjust(width) for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "| " + " | ".join([first, *rest]) + " |"

    rule = "|" + "|".join(["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])]) + "|"
    return "\n".join([line(head), rule, *map(line, lines)])
