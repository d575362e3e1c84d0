"""Addresses of runs, models and versions in the MLflow UI."""

from __future__ import annotations

from urllib.parse import quote

DEFAULT_UI = "http://127.0.0.1:5000"


def experiment_url(ui: str, experiment_id: str) -> str:
    """Page of one experiment."""
    return f"{_base(ui)}/#/experiments/{experiment_id}"


def run_url(ui: str, experiment_id: str, run_id: str) -> str:
    """Page of one run."""
    return f"{experiment_url(ui, experiment_id)}/runs/{run_id}"


def logged_model_url(ui: str, experiment_id: str, model_id: str) -> str:
    """Page of one logged model, registered or not."""
    return f"{experiment_url(ui, experiment_id)}/models/{model_id}"


def model_url(ui: str, name: str) -> str:
    """Page of one registered model."""
    return f"{_base(ui)}/#/models/{quote(name, safe='')}"


def version_url(ui: str, name: str, version: int) -> str:
    """Page of one registered version."""
    return f"{model_url(ui, name)}/versions/{version}"


def moved_to(ui: str, url: str) -> str | None:
    """The page at ``url`` of an MLflow UI as it is found where the UI is now; None for an address of another form."""
    _, sign, page = url.partition("/#/")
    return f"{_base(ui)}/#/{page}" if sign else None


def _base(ui: str) -> str:
    return ui.rstrip("/")
