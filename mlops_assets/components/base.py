"""What the three component types share: the language is their schema, and building definitions only wires the plan."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import dagster as dg
from pydantic import BaseModel, ConfigDict, model_validator

from mlops_assets.components.graph import asset_spec, check_specs
from mlops_assets.components.tags import EXIT_CODE
from mlops_assets.errors import MlopsError
from mlops_assets.lifecycle.workspace import open_workspace
from mlops_assets.plan.kinds import KINDS
from mlops_assets.spec.reading.json_schema import written_schema
from mlops_assets.spec.yaml_lines import named_keys

if TYPE_CHECKING:
    from mlops_assets.components.emit import Emitted
    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.plan import PlannedAsset


class Written(BaseModel):
    """Attributes as they stand in the file. The project's catalogue has read them in full, and told every mistake, before."""

    model_config = ConfigDict(extra="allow")
    language: ClassVar[type[BaseModel]]
    name: str = ""

    @model_validator(mode="before")
    @classmethod
    def _named_keys(cls, value: Any) -> Any:
        return named_keys(value)

    @classmethod
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """JSON Schema of the language."""
        return written_schema(cls.language)


@functools.cache
def written_form(language: type[BaseModel]) -> type[BaseModel]:
    """The attributes of one component type, as Dagster sees them."""
    return type(language.__name__, (Written,), {"__doc__": language.__doc__, "language": language, "__module__": __name__})


WORKSPACE, MLFLOW = "workspace", "mlflow"


class DeclaredComponent(dg.Component):
    """One declaration of a `defs.yaml` as Dagster assets.

    Subclasses override :meth:`get_asset_spec` to change how an asset is shown, and :meth:`execute` to change what it
    does; `build_defs` only wires.
    """

    spec_class: ClassVar[type[BaseModel]]

    def __init__(self, name: str) -> None:
        self.name = name

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """What Dagster holds the attributes against: the schema of the language, as it is written in YAML."""
        return written_form(cls.spec_class)

    @classmethod
    def load(cls, attributes: Any, context: dg.ComponentLoadContext) -> DeclaredComponent:
        """Take the declaration's name; the project's catalogue holds the declaration itself, checked across files."""
        return cls(attributes.name)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Assets and checks of this declaration."""
        return self.definitions_in(open_workspace(Path(context.project_root)))

    def definitions_in(self, workspace: Workspace) -> dg.Definitions:
        """Assets and checks of this declaration in a project; none where it cannot be used."""
        return dg.Definitions(assets=[self._assets_def(asset) for asset in workspace.plan.declared_by(self.name)])

    def get_asset_spec(self, planned: PlannedAsset) -> dg.AssetSpec:
        """How Dagster shows ``planned``: key, dependencies, partitions, group, kinds, owners, tags, automation."""
        return asset_spec(planned)

    def execute(self, context: dg.AssetExecutionContext, planned: PlannedAsset) -> Iterator[Emitted]:
        """Materialize ``planned`` for the partitions of this run, by the body of its kind."""
        body = import_module(f"mlops_assets.components.bodies.{planned.kind}")
        emitted: Iterator[Emitted] = body.materialize(context, getattr(context.resources, WORKSPACE), self.name)
        return emitted

    def _assets_def(self, planned: PlannedAsset) -> dg.AssetsDefinition:
        kind = KINDS[planned.kind]

        @dg.multi_asset(
            name="__".join(planned.parts),
            specs=[self.get_asset_spec(planned)],
            check_specs=check_specs(planned),
            required_resource_keys={WORKSPACE, *((MLFLOW,) if kind.logs_to_mlflow else ())},
            backfill_policy=dg.BackfillPolicy.single_run() if kind.whole_range else dg.BackfillPolicy.multi_run(1),
            retry_policy=dg.RetryPolicy(max_retries=2, delay=2, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS),
            pool=planned.pool,
        )
        def body(context):  # type: ignore[no-untyped-def]
            yield from _clear_failures(functools.partial(self.execute, context, planned))

        return body


def _clear_failures(execute: Callable[[], Iterator[Emitted]]) -> Iterator[Emitted]:
    """Bad input fails the step with its own words and is not tried again; anything else keeps its traceback and retries."""
    try:
        yield from execute()
    except MlopsError as error:
        raise dg.Failure(description=str(error), metadata={EXIT_CODE: error.exit_code}, allow_retries=False) from error
