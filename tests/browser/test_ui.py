"""The Dagster UI in a real browser: the graph, a materialization by hand, and what an evaluation shows."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.components.project import DEFINITIONS, KEY, Shop, make_project

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-quic", "--no-first-run"]
PATIENCE = 60_000
"""Milliseconds that a page may take."""

PLANS = """
type: mlops_assets.Dataset
attributes:
  name: plans
  source: {csv: plans.csv}
"""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: none of chromium, chromium-browser, google-chrome is on the PATH")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shop, str]]:
    """A trained project and the address of its UI."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("DAGSTER_HOME", "MLOPS_PROJECT", "MLOPS_ENVIRONMENT", "MLOPS_KEY"):
            patch.delenv(name, raising=False)
        folder = make_project(tmp_path_factory.mktemp("ui") / "shop", f"{DEFINITIONS.strip()}\n---\n{PLANS.strip()}")
        (folder / "plans.csv").write_text("plan,price\nfree,0\nplus,9\n")
        shop = Shop(folder)
        assert shop.life(KEY).success
        port, log = free_port(), (shop.folder / "ui.log").open("w")
        environment = {**os.environ, "DAGSTER_HOME": str(shop.folder / "dagster_home")}
        command = [sys.executable, "-m", "dagster", "dev", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)]
        server = subprocess.Popen(command, cwd=shop.folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            address = f"http://127.0.0.1:{port}"
            wait_for(address, server)
            yield shop, address
        finally:
            end(server)
            log.close()


def end(server: subprocess.Popen[bytes]) -> None:
    """End `dagster dev` and what it has started, whether or not its web server lets go of its connections."""
    family = psutil.Process(server.pid).children(recursive=True)
    server.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(20)
    for process in [*family, server]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    server.wait(10)


def wait_for(address: str, server: subprocess.Popen[bytes], seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert server.poll() is None, "dagster dev ended"
        try:
            with urllib.request.urlopen(f"{address}/server_info", timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    raise AssertionError("dagster dev did not answer")


@pytest.fixture(scope="module")
def page(served: tuple[Shop, str]) -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright, of the extra `dev`")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1700, "height": 1200})
        page.set_default_timeout(PATIENCE)
        yield page
        browser.close()


def picture(page: Any, name: str) -> None:
    """Keep a screenshot where the variable says, for people to look at."""
    if folder := os.environ.get("MLOPS_SCREENSHOTS"):
        page.screenshot(path=str(Path(folder) / f"{name}.png"))


def test_the_graph_of_a_model_shows_its_assets_and_where_they_come_from(served: tuple[Shop, str], page: Any) -> None:
    page.goto(f"{served[1]}/locations/mlops_assets/asset-groups/churn/lineage")
    for asset in ("training_set", "model", "evaluation", "candidate", "challenger", "champion"):
        page.get_by_text(asset, exact=True).first.wait_for()
    page.get_by_text("spend", exact=True).first.wait_for()
    picture(page, "graph")
    page.goto(f"{served[1]}/locations/mlops_assets/asset-groups/churn/list")
    page.get_by_text("evaluation").first.wait_for()
    picture(page, "list")


def test_an_asset_shows_group_owner_kinds_partitions_and_checks(served: tuple[Shop, str], page: Any) -> None:
    page.goto(f"{served[1]}/assets/churn/evaluation")
    for text in ("churn", "shop", "ML Flow", "train_churn"):
        page.get_by_text(text, exact=True).first.wait_for()
    page.goto(f"{served[1]}/assets/churn/evaluation?view=checks")
    for gate in ("beats_naive", "leakage", "champion", "consistency"):
        page.get_by_text(gate, exact=True).first.wait_for()
    picture(page, "checks")
    page.goto(f"{served[1]}/assets/churn/evaluation?view=partitions&partition={KEY}")
    page.get_by_text(KEY).first.wait_for()
    picture(page, "partitions")


def test_an_evaluation_shows_its_figures_its_numbers_and_the_link_to_mlflow(served: tuple[Shop, str], page: Any) -> None:
    page.goto(f"{served[1]}/assets/churn/evaluation")
    page.get_by_text("figure: metrics", exact=True).wait_for()
    link = page.get_by_role("link", name="127.0.0.1:5000").first
    assert "/runs/" in str(link.get_attribute("href"))
    picture(page, "evaluation")
    page.get_by_role("row").filter(has_text="figure: curves").get_by_text("[Show Markdown]").click()
    image = page.locator("img[src^='data:image/png']").first
    image.wait_for()
    assert image.evaluate("element => element.naturalWidth") > 200
    picture(page, "figure")
    page.get_by_role("button", name="Close").click()
    page.get_by_text("Plots", exact=True).click()
    # Plots over partitions begin with the newest ones, plots over events with what there is.
    page.get_by_role("button", name="Events").last.click()
    page.locator("canvas").first.wait_for(state="attached")
    picture(page, "plots")


def test_an_asset_is_materialized_from_the_browser(served: tuple[Shop, str], page: Any) -> None:
    shop, address = served
    page.goto(f"{address}/assets/plans")
    page.get_by_role("button", name="Materialize").first.click()
    until = time.monotonic() + 120
    while shop.version("plans", None) is None and time.monotonic() < until:
        time.sleep(0.5)
    assert shop.version("plans", None) == shop.workspace.store.current("plans").digest
    page.goto(f"{address}/assets/plans")
    page.get_by_text("quarantined_rows", exact=True).or_(page.get_by_text("changed", exact=True)).first.wait_for()
    picture(page, "data_set")
