"""How to ask the champion of a model for a prediction: one true row, as a command that can be pasted into a shell."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import MlopsError
from mlops_assets.lifecycle.bundles import BUNDLES
from mlops_assets.serving.services import PREDICTIONS, running
from mlops_assets.spec.reads import uses

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.ledger.state import Version
    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.modeling.signature import Signature

ROWS = 200
"""Among how many stored rows the example is looked for."""


@dataclass(frozen=True)
class Example:
    """A request for one row: the row, whether it names its entity alone, where the server is, whether it runs, and the command."""

    row: Mapping[str, Any]
    by_entity: bool
    url: str
    runs: bool
    command: str


def example_request(workspace: Workspace, name: str) -> Example | None:
    """A request for the champion of ``name`` with a row that it was judged on; by entity where the server looks features up.

    A key of an entity that is declared `pii` is not shown; the row is then written in full. None where nothing serves, or no row is stored.
    """
    from mlops_assets.modeling.signature import Signature

    state = workspace.ledger.state(name)
    if state.champion is None:
        return None
    try:
        body = _body(workspace, state.versions[state.champion])
        signature = Signature.from_json(body["signature"])
        table = _stored(workspace, body["provenance"], signature)
    except (MlopsError, OSError):
        return None
    if table.num_rows == 0:
        return None
    key = _known_entity(workspace, name, table, signature)
    row = key if key is not None else _fullest(table, signature)
    if row is None:
        return None
    server = running(workspace.settings).get(PREDICTIONS)
    settings = workspace.settings
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.serve_host, settings.serve_host)
    url = server.url if server is not None else f"http://{host}:{settings.serve_port or 8000}"
    anonymous = server.anonymous if server is not None else settings.serve_anonymous
    return Example(row, key is not None, url, server is not None, curl(f"{url}/models/{name}/predict", row, key=not anonymous))


def curl(url: str, row: Mapping[str, Any], *, key: bool) -> str:
    """The command that asks ``url`` about ``row``; with ``key``, the API key is taken from the shell's variable `KEY`."""
    body = json.dumps({"data": [row]}, ensure_ascii=False, allow_nan=False)
    # No quotation mark and no doubled backslash is left for a shell to read, and nothing that a terminal takes for the end of a line.
    body = body.replace("\\\\", "\\u005c").replace("'", "\\u0027")
    body = "".join(letter if letter.isprintable() else json.dumps(letter)[1:-1] for letter in body)
    identity = ' -H "Authorization: Bearer $KEY"' if key else ""
    return f"curl -sS {url}{identity} -H 'Content-Type: application/json' -d '{body}'"


def _body(workspace: Workspace, version: Version) -> dict[str, Any]:
    """What the version's bundle says of itself, read without loading its estimator."""
    from mlops_assets.modeling.bundle import verify

    kept = workspace.store.get_pointer(f"{BUNDLES}/{version.digests['bundle']}") or {}
    if "tree" not in kept or kept.get("pruned"):
        raise MlopsError("the bundle is not in the store.")
    with tempfile.TemporaryDirectory(dir=workspace.scratch) as folder:
        return verify(workspace.store.get_tree(BUNDLES, kept["tree"], Path(folder) / "bundle"))


def _stored(workspace: Workspace, origin: Mapping[str, Any], signature: Signature) -> pa.Table:
    """Some rows of the training set that a bundle came from: of its holdout, where it has one."""
    import pyarrow.compute as pc

    manifest = workspace.store.manifest(f"{origin['model']}/training_set", origin["as_of"], origin["training_set"])
    entity = [column for column in signature.entity if column in manifest.columns and column not in signature.names]
    table = workspace.store.read(manifest, [*signature.names, *entity, "__split"])
    held: pa.Table = table.filter(pc.equal(table.column("__split"), "holdout"))
    return (held if held.num_rows else table).slice(0, ROWS)


def _known_entity(workspace: Workspace, name: str, table: pa.Table, signature: Signature) -> dict[str, Any] | None:
    """The key of a stored row whose features the server finds now, where such keys are no personal data."""
    from mlops_assets.modeling.requests.errors import RequestError
    from mlops_assets.serving.entities import entity_features
    from mlops_assets.serving.online import open_online

    catalogue, url = workspace.catalogue, workspace.settings.online_url
    if name not in catalogue.models or not ("://" in url or Path(url).is_file()):
        return None
    read = [catalogue.datasets[dataset].columns for dataset in uses(name, catalogue) if dataset in catalogue.datasets]
    with suppress(MlopsError), closing(open_online(url)) as online:
        features = entity_features(catalogue, online).get(name)
        if features is None or not {*features.entity} <= {*table.column_names}:
            return None
        if any(column in columns and columns[column].pii for columns in read for column in features.entity):
            return None
        for key in table.select(list(features.entity)).to_pylist():
            with suppress(RequestError):
                features.complete([key], signature.names)
                return dict(key)
    return None


def _fullest(table: pa.Table, signature: Signature) -> dict[str, Any] | None:
    """The stored row that misses the least, as the server takes it."""
    from mlops_assets.modeling.values import to_json

    frame = table.select(signature.names).to_pandas()
    columns = [to_json(frame[feature.name], feature) for feature in signature.features]
    rows = [dict(zip(signature.names, values, strict=True)) for values in zip(*columns, strict=True)]
    finite = [row for row in rows if not any(isinstance(value, float) and not math.isfinite(value) for value in row.values())]
    return min(finite, key=lambda row: sum(value is None for value in row.values()), default=None)
