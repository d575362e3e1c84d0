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
    parts = [_closed(report), _ratios(report), _costs(report), _open(report), _swaps(report), _machine(report)]
    return "\n\n".join(part for part in parts if part) + "\n"


def ratios(report: dict[str, Any]) -> dict[str, float]:
    """How the server with one worker stands to the best peer of each column and to the echo application."""
    found = {row["name"]: row for row in report.get("closed", ()) if "one" in row}
    own, echo = found.get("mlops serve, 1 worker"), found.get("echo (uvicorn), 1 worker")
    if own is None:
        return {}
    peers = [row for row in found.values() if row["peer"]]
    result = {}
    if echo is not None:
        result["of echo, requests/s"] = own["one"]["rate"] / echo["one"]["rate"]
        result["of echo, by CPU"] = echo["one"]["cpu"] / own["one"]["cpu"]
    if peers:
        result["best peer, one row, requests/s"] = own["one"]["rate"] / max(row["one"]["rate"] for row in peers)
        result["best peer, one row, CPU"] = min(row["one"]["cpu"] for row in peers) / own["one"]["cpu"]
        result["best peer, 100 rows, requests/s"] = own["many"]["rate"] / max(row["many"]["rate"] for row in peers)
        result["best peer, 100 rows, CPU"] = min(row["many"]["cpu"] for row in peers) / own["many"]["cpu"]
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
    found = ratios(report)
    lines = []
    if "of echo, requests/s" in found:
        share, cpu = found["of echo, requests/s"], found["of echo, by CPU"]
        lines.append(f"One worker answers {share:.0%} of the echo application's requests/s ({cpu:.0%} by CPU time).")
    for rows, label in (("one row", "One row"), ("100 rows", "100 rows")):
        if f"best peer, {rows}, requests/s" in found:
            rate, cpu = found[f"best peer, {rows}, requests/s"], found[f"best peer, {rows}, CPU"]
            lines.append(f"{label}: {rate:.1f} times the requests/s of the best peer, {cpu:.1f} times less CPU than the thriftiest one.")
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
    return [*closed, *report.get("costs", ()), *(report[part] for part in ("open", "swaps") if report.get(part))]


def _markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[index]) for row in (head, *lines)) for index in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        first, *rest = (
            cell.ljust(width) if index == 0 else cell.rjust(width) for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "| " + " | ".join([first, *rest]) + " |"

    rule = "|" + "|".join(["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])]) + "|"
    return "\n".join([line(head), rule, *map(line, lines)])
