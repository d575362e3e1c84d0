"""The model card of one version, made from records alone: what nobody declared is shown as not declared.

Markdown with the front matter of the Hugging Face Hub, which also reads the metrics in it, and the same as one HTML page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_assets.governance.card_records import CardRecords
from mlops_assets.governance.card_sections import SECTIONS

FIGURES = "figures"

_PIPELINES = {
    "binary_classification": "tabular-classification",
    "multiclass_classification": "tabular-classification",
    "regression": "tabular-regression",
    "forecasting": "time-series-forecasting",
}


@dataclass(frozen=True)
class Card:
    """A model card.

    Attributes:
        markdown: with front matter; it names its pictures as ``figures/NAME.png``.
        html: one page that needs nothing beside it.
        figures: the pictures, PNG bytes by file name.
    """

    markdown: str
    html: str
    figures: Mapping[str, bytes]

    def write(self, folder: Path) -> list[Path]:
        """Write ``model_card.md``, ``model_card.html`` and the pictures, and return the files."""
        folder.mkdir(parents=True, exist_ok=True)
        files = {"model_card.md": self.markdown.encode(), "model_card.html": self.html.encode()}
        files |= {f"{FIGURES}/{name}": png for name, png in self.figures.items()}
        for name, content in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)
        return [folder / name for name in files]


def build_card(records: CardRecords) -> Card:
    """The card that these records give; the same records give the same bytes."""
    from mlops_assets.governance.card_html import render

    figures = {f"{_file_name(title)}.png": (title, png) for title, png in records.figures.items()}
    body = "\n\n".join([f"# {records.title}", *(text for section in SECTIONS if (text := section(records)))])
    if figures:
        pictures = "\n\n".join(f"![{title}]({FIGURES}/{name})" for name, (title, _) in figures.items())
        body += f"\n\n## Pictures\n\n{pictures}"
    files = {name: png for name, (_, png) in figures.items()}
    html = render(records.title, body, {f"{FIGURES}/{name}": png for name, png in files.items()})
    return Card(markdown=f"---\n{_front_matter(records)}---\n\n{body}\n", html=html, figures=files)


def _front_matter(records: CardRecords) -> str:
    import yaml

    spec, evaluation = records.spec, records.evaluation
    task = _PIPELINES.get(str(spec["task"]), "tabular-classification")
    metrics = [
        {"type": name, "name": name, "value": found["value"], "args": {"interval": found.get("interval"), "n": found.get("n")}}
        for name, found in sorted(evaluation.get("metrics", {}).items())
        if found.get("value") is not None
    ]
    holdout = {"name": f"{spec['name']} holdout", "type": "private", "split": "holdout", "revision": records.provenance.get("training_set")}
    body: dict[str, Any] = {
        "library_name": "mlops-assets",
        "model_name": str(spec["name"]),
        "pipeline_tag": task,
        "tags": ["tabular", _estimator(spec), str(spec["task"])],
        "model-index": [{"name": str(spec["name"]), "results": [{"task": {"type": task}, "dataset": holdout, "metrics": metrics}]}],
    }
    return yaml.safe_dump(body, sort_keys=False, allow_unicode=True)


def _estimator(spec: Mapping[str, Any]) -> str:
    estimator = spec.get("training", {}).get("estimator", {})
    return next((kind for kind, value in estimator.items() if value is not None), "lightgbm")


def _file_name(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_") or "figure"
