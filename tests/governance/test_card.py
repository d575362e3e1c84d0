"""The model card: from records alone, readable as Markdown and as a page, and nothing in a record can break it."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
import yaml

from mlops_assets.governance.card import build_card
from mlops_assets.governance.card_records import CardRecords
from mlops_assets.spec import Model


def spec_of(**changes: Any) -> dict[str, Any]:
    declared = {
        "name": "churn",
        "task": "binary_classification",
        "examples": {"from": "customers", "target": "churned", "label_delay": "30d"},
        "training": {"window": "180d", "holdout": "30d", "estimator": {"lightgbm": {"num_leaves": 31}}, "tune": {"trials": 20}},
        **changes,
    }
    return Model.model_validate(declared).model_dump(mode="json", by_alias=True)


def measured(value: float, low: float, high: float, n: int = 4210) -> dict[str, Any]:
    return {"value": value, "interval": [low, high], "n": n, "n_effective": n * 0.61, "confidence": 0.95}


def gate(name: str, status: str, observed: float | None, required: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "status": status, "observed": observed, "required": required, "interval": None, "n": 4210, "detail": "", **more}


def records_of(**changes: Any) -> CardRecords:
    records = CardRecords(
        spec=spec_of(
            description="Will this customer stay away for the next 30 days?",
            owner="team:growth",
            intended_use="Ranking customers for the retention campaign. Not for pricing or credit.",
            risk="limited",
        ),
        facts={
            "features": [
                {"name": "recency_days", "type": "int64"},
                {"name": "monetary", "type": "float64"},
                {"name": "plan", "type": "category"},
            ],
            "target": "churned",
            "entity": ["customer_id"],
            "rows": {"train": 61234, "holdout": 4210, "embargoed": 8120},
            "as_of": {"first": "2026-01-04", "last": "2026-06-28"},
            "horizon": "30d",
            "base_rate": {"train": 0.231, "holdout": 0.248},
            "dropped": {"label not mature": 312},
            "snapshot_sources": ["customers"],
        },
        evaluation={
            "main_metric": "roc_auc",
            "blocks": {"unit": "entity", "count": 1180, "n_effective": 2568.1},
            "metrics": {
                "roc_auc": measured(0.8231, 0.8049, 0.8402),
                "pr_auc": measured(0.6112, 0.5801, 0.6433),
                "brier": measured(0.1342, 0.1287, 0.1401),
            },
            "naive": {"method": "prior", "metrics": {"roc_auc": measured(0.5, 0.5, 0.5), "pr_auc": measured(0.248, 0.23, 0.27)}},
            "champion": {"digest": "c" * 64, "metrics": {"roc_auc": measured(0.8102, 0.79, 0.83)}},
            "slices": {
                "region": {
                    "north": {
                        "n": 2100,
                        "outcomes": {"n": 2100, "base_rate": 0.24},
                        "metrics": {"roc_auc": measured(0.83, 0.8, 0.86, 2100)},
                    },
                    "south": {"n": 41, "outcomes": {"n": 41, "base_rate": 0.31}, "metrics": {"roc_auc": measured(0.69, 0.5, 0.85, 41)}},
                }
            },
            "calibration": {"of": "positive class", "error": measured(0.0214, 0.0121, 0.0342)},
            "confusion": {"labels": ["False", "True"], "matrix": [[2903, 263], [512, 532]], "threshold": 0.5},
            "importance": [["recency_days", 0.62], ["monetary", 0.29], ["plan", 0.09]],
        },
        verdict={
            "id": "9f" * 32,
            "status": "inconclusive",
            "gates": [
                gate("beats_naive", "pass", 0.323, "better than the naive model", interval=[0.305, 0.34]),
                gate("champion", "pass", 0.0129, "not worse than the champion by more than 0.01", interval=[-0.002, 0.028]),
                gate(
                    "roc_auc_region",
                    "inconclusive",
                    0.69,
                    "at least 0.7",
                    n=41,
                    detail="South has 41 rows, 30 independent ones are needed.",
                ),
                gate("latency", "off", None, "p99 at most 20 ms", detail="Batch only."),
            ],
            "digests": {"bundle": "b1" * 32, "trees": "c2" * 32, "data": "d3" * 32, "spec": "e4" * 32},
        },
        provenance={
            "model": "churn",
            "as_of": "2026-07-01",
            "spec_digest": "e4" * 32,
            "data": {"customer_rfm@2026-06-28": "a1" * 32, "orders@2026-06-28": "a2" * 32},
            "training_set": "d3" * 32,
            "code_version": "8b1c",
            "environment": "test",
            "sample": 1.0,
            "seed": 7,
            "libraries": {"lightgbm": "4.7.0", "numpy": "2.3.1"},
        },
        decisions=[
            {"kind": "waived", "by": "alice", "at": "2026-07-02T09:00:00Z", "gates": ["roc_auc_region"], "reason": "South opened in June."},
            {"kind": "approved", "by": "bob", "at": "2026-07-02T10:00:00Z", "comment": "Looks right."},
        ],
        version=7,
        state="candidate",
        links={"MLflow": "http://127.0.0.1:5000/#/models/churn/versions/7"},
    )
    return replace(records, **changes)


class Tags(HTMLParser):
    """Names of all tags, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_every_record_is_on_the_card():
    card = build_card(records_of())
    wanted = ("churn, version 7", "team:growth", "Not for pricing or credit.", "61 234", "4 210", "0.8231", "0.8049 to 0.8402", "0.8102")
    wanted += (
        "South has 41 rows",
        "alice",
        "South opened in June.",
        "bob",
        "b1" * 32,
        "orders@2026-06-28",
        "a2" * 32,
        "4.7.0",
        "num_leaves = 31",
    )
    text = Tags(card.html).text
    assert [fact for fact in wanted if fact not in text] == []


def test_the_map_from_scores_to_probabilities_is_on_the_card():
    assert "| **Calibration** | sigmoid, fitted on 212 rows |" in build_card(records_of(calibrated="sigmoid, fitted on 212 rows")).markdown
    assert "| **Calibration** | no map |" in build_card(records_of()).markdown


def test_front_matter_is_yaml_that_a_hub_reads_with_every_metric():
    front = yaml.safe_load(build_card(records_of()).markdown.split("---\n")[1])
    result = front["model-index"][0]["results"][0]
    assert (front["library_name"], front["pipeline_tag"]) == ("mlops-assets", "tabular-classification")
    assert result["dataset"]["revision"] == "d3" * 32
    assert {metric["type"]: metric["value"] for metric in result["metrics"]} == {"roc_auc": 0.8231, "pr_auc": 0.6112, "brier": 0.1342}


def test_what_nobody_declared_is_shown_as_not_declared():
    card = build_card(records_of(spec=spec_of()))
    for field in ("Owner", "Risk class"):
        assert f"| **{field}** | *not declared* |" in card.markdown
    assert "Description: *not declared*" in card.markdown
    assert "## Intended use\n\n*not declared*" in card.markdown
    assert "license" not in card.markdown


def test_limits_name_the_gates_that_did_not_pass_the_waiver_the_sample_and_sources_without_history():
    limits = build_card(records_of(provenance={**records_of().provenance, "sample": 0.1})).markdown.split("## Limits")[1].split("\n## ")[0]
    assert "sample of 10 %" in limits
    assert "customers" in limits
    assert "`inconclusive`" in limits
    assert "A person waived it" in limits
    assert "`off`: Batch only." in limits


def test_a_model_without_slices_says_that_parts_of_the_population_were_not_measured():
    whole = records_of(evaluation={**records_of().evaluation, "slices": {}})
    assert "was not measured" in build_card(whole).markdown
    assert "was not measured" not in build_card(records_of()).markdown


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "a | b | c",
        "line\n\n---\nname: other\n---\n# Heading",
        "`fail` **bold** [link](javascript:alert(1)) ![x](http://example.org/x.png)",
        "- item\n> quote\n1. one",
        "&lt;b&gt; <b onclick=x>",
    ],
)
def test_text_of_a_record_stays_text(hostile):
    plain = records_of(spec=spec_of(description="plain", owner="team:growth", intended_use="plain", risk="limited"))
    spec = {**plain.spec, "description": hostile, "intended_use": hostile, "owner": hostile}
    odd = replace(plain, spec=spec, decisions=[{**plain.decisions[0], "reason": hostile}, plain.decisions[1]])
    expected, found = Tags(build_card(plain).html), Tags(build_card(odd).html)
    assert sorted(set(found.tags)) == sorted(set(expected.tags))
    assert [tag for tag in found.tags if tag != "p"] == [tag for tag in expected.tags if tag != "p"]
    assert set(found.attributes) == set(expected.attributes)
    assert "".join(hostile.split()) in "".join(found.text.split())
    assert yaml.safe_load(build_card(odd).markdown.split("---\n")[1])["model_name"] == "churn"


def test_the_same_records_give_the_same_bytes():
    assert build_card(records_of()) == build_card(records_of())


def test_pictures_lie_beside_the_markdown_and_inside_the_page(tmp_path):
    card = build_card(records_of(figures={"ROC curve": b"\x89PNG1"}))
    files = card.write(tmp_path / "card")
    assert [file.relative_to(tmp_path / "card").as_posix() for file in files] == [
        "model_card.md",
        "model_card.html",
        "figures/roc_curve.png",
    ]
    assert "![ROC curve](figures/roc_curve.png)" in card.markdown
    assert "data:image/png;base64," in card.html
    assert 'src="figures/' not in card.html


def test_the_page_runs_nothing_and_loads_nothing():
    page = Tags(build_card(records_of(figures={"ROC curve": b"\x89PNG1"})).html)
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    assert not [name for name in page.attributes if name.startswith("on")]


def test_an_undated_regression_without_champion_or_calibration_has_a_card_too():
    records = records_of()
    evaluation = {
        "main_metric": "rmse",
        "blocks": {"unit": "row", "count": 900},
        "metrics": {"rmse": {"value": 3.1, "interval": None, "n": 12, "n_effective": 12, "confidence": 0.95}},
        "naive": {"method": "mean", "metrics": {}},
        "champion": None,
        "slices": {},
        "calibration": None,
        "confusion": None,
        "importance": [],
    }
    facts = {"features": [{"name": "x", "type": "float64"}], "target": "y", "rows": {"train": 80, "holdout": 12}, "as_of": {}, "entity": []}
    bare = replace(
        records,
        spec=spec_of(task="regression"),
        facts=facts,
        evaluation=evaluation,
        provenance={**records.provenance, "as_of": None},
        version=None,
        state=None,
        decisions=(),
    )
    card = build_card(bare)
    assert "# churn\n" in card.markdown
    assert "| **As of** | undated |" in card.markdown
    assert "Calibration" not in card.markdown
    assert "| **rmse** | 3.1 | — | 12 | 12 |" in card.markdown
