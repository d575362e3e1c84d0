"""Made-up rows at the edges of a bundle's features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from mlops_assets.modeling.bundle import Bundle
    from mlops_assets.modeling.encoding import FittedFeature

MOST_ROWS = 1000
_NUMBERS = (0.0, 1.0, -1.0, 0.1, 1e-300, 1e18, 37.0, 512.5)
_WHOLE = (0, 1, -1, 7, 1000, 2**53, -(2**62), 37)
_MOMENTS = ("1970-01-01T00:00:00+00:00", "2026-01-31T23:59:59.999999+00:00", "1969-12-31T23:00:00+00:00", "2024-02-29T12:30:00+00:00")


def edge_rows(bundle: Bundle) -> pd.DataFrame:
    """Rows that meet every known category, an unknown one, missing values and extreme numbers of every feature."""
    import pandas as pd

    rows = max(16, *(len(f.categories or ()) + 2 for f in bundle.encoder.fitted))
    rows = min(rows, MOST_ROWS)
    columns: dict[str, Any] = {}
    for place, fitted in enumerate(bundle.encoder.fitted):
        values = _edge_values(fitted)
        columns[fitted.feature.name] = pd.Series([values[(index + place) % len(values)] for index in range(rows)], dtype=object)
    return pd.DataFrame(columns)


def _edge_values(fitted: FittedFeature) -> list[Any]:
    feature = fitted.feature
    lost: list[Any] = [None] if feature.nullable else []
    if fitted.categories is not None:
        return [*fitted.categories, "\N{SNOWMAN} never seen", *lost, *([""] if lost else [])]
    if feature.type == "bool":
        return [True, False, *lost]
    if feature.type == "int64":
        return [*_WHOLE, *lost]
    if feature.type == "datetime":
        return [*_MOMENTS, *lost]
    if feature.type == "date":
        return [*(moment[:10] for moment in _MOMENTS), *lost]
    return [*_NUMBERS, *lost]
