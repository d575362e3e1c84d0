"""Settings of one project: environment variables over `[tool.mlops]` in its pyproject.toml over defaults.

`[tool.mlops.<environment>]` stands over `[tool.mlops]`. Every key below is also read from `MLOPS_<KEY>`.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as PydanticSettingsError

from mlops_assets.errors import MlopsError, nearest

Environment = Literal["dev", "test", "prod"]
ENVIRONMENTS: tuple[Environment, ...] = ("dev", "test", "prod")

_SAMPLE: dict[str, float] = {"dev": 0.1, "test": 1.0, "prod": 1.0}
_KEEP_BUNDLES: dict[str, str] = {"minimal": "365d", "limited": "365d", "high": "3650d"}
_APPROVALS: dict[str, int] = {"dev": 0, "test": 0, "prod": 2}


class SettingsError(MlopsError):
    """A setting that cannot be used, or a folder that is no project."""


class Settings(BaseSettings):
    """Where a project keeps what, and what its environment asks for."""

    model_config = SettingsConfigDict(env_prefix="MLOPS_", extra="forbid", frozen=True)

    project: Path = Field(description="Folder that holds definitions/.")
    environment: Environment = Field("test", description="dev, test or prod; they differ in settings alone.")
    home: Path = Field(Path(".mlops"), description="Folder of the embedded stores, relative to the project.")
    store_url: str = Field("", description="Root of the versioned store: a path or any fsspec URL. Default: home/store.")
    ledger_url: str = Field("", description="SQLAlchemy URL of the ledger. Default: SQLite in home.")
    checkpoints: Path = Field(Path(), description="Folder of signed ledger checkpoints. Default: home/checkpoints.")
    checkpoint_key: Path | None = Field(
        None, description="File of the key that signs checkpoints. Default: in their folder, beside what it signs; better elsewhere."
    )
    mlflow_tracking_uri: str = Field("", description="MLflow tracking and registry. Default: SQLite in home.")
    mlflow_artifacts: str = Field("", description="Root of MLflow artifacts. Default: home/mlartifacts.")
    mlflow_ui: str = Field("http://127.0.0.1:5000", description="Where people open MLflow; links point there.")
    dagster_ui: str = Field("http://127.0.0.1:3000", description="Where people open Dagster; links point there.")
    cache: Path = Field(Path(), description="Folder of downloads. Default: home/cache.")
    mirror: Path | None = Field(None, description="Folder that is asked for files before any download.")
    duckdb_memory: str = Field("2GB", description="Memory that feature queries may use before they spill to disk.")
    sample: float = Field(1.0, gt=0, le=1, description="Share of entities that models learn from; dev takes a tenth.")
    approvals: int = Field(0, ge=0, description="How many distinct people must approve a promotion; prod asks for two.")
    drift_pages: Literal["always", "found", "never"] = Field(
        "found",
        description="When the newest drift partition of a run gets a page by Evidently: always; where drift was found, and where a version "
        "is watched for the first time; or never. A page costs about 5 s (of which importing Evidently takes 3.5) and 5 MB in MLflow.",
    )
    channels: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Where alerts go: name of the channel to apprise URLs, such as `slack://…` or `mailto://…`."
    )
    keep_bundles: dict[str, str] = Field(
        default_factory=lambda: dict(_KEEP_BUNDLES),
        description="How long bundles stay that are out of service, by risk class, or `forever`; `mlops store prune` removes older ones. "
        "Default: 365d, and ten years for high risk, as Article 18 of Regulation (EU) 2024/1689 keeps documents.",
    )
    approval_expires: str = Field("7d", description="How long an approval holds.")
    serve_host: str = Field("127.0.0.1", description="Address that the prediction server listens on.")
    serve_port: int = Field(8000, ge=0, le=65535, description="Port of the prediction server; 0 takes a free one.")
    serve_workers: int = Field(1, ge=1, le=256, description="Processes that answer.")
    serve_anonymous: bool = Field(False, description="Whether a request without a key may call and look.")
    serve_rate_limit: float = Field(0.0, ge=0, description="Requests per second and key; 0: no limit.")
    serve_body_mb: float = Field(10.0, gt=0, description="Largest body of a request, in MiB.")
    serve_rows: int = Field(10_000, ge=1, description="Most rows of one request.")
    serve_timeout: float = Field(10.0, gt=0, description="Seconds for a body to arrive, and for rows to be scored.")
    online_url: str = Field("", description="Features by entity: a path of SQLite or redis://HOST:PORT/DB. Default: home/online.db.")
    journal: Path = Field(Path(), description="Folder of the journal of predictions. Default: home/journal.")
    journal_on: bool = Field(True, description="Whether predictions are journaled.")
    journal_flush: float = Field(0.1, gt=0, description="Seconds between writes: what a killed worker may lose.")
    journal_sync: float = Field(1.0, ge=0, description="Seconds between fsyncs: what a power cut may lose. 0: at every write.")
    journal_memory_mb: int = Field(64, ge=1, description="Memory for lines the disk does not take, in MiB; more is dropped.")
    journal_segment_mb: int = Field(64, ge=1, description="Size at which a segment is closed, in MiB.")
    journal_rotate: float = Field(300.0, gt=0, description="Seconds after which a segment is closed, so that it can be compacted.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_the_environment(cls, values: dict[str, Any]) -> dict[str, Any]:
        environment = str(values.get("environment", "test"))
        values.setdefault("sample", _SAMPLE.get(environment, 1.0))
        values.setdefault("approvals", _APPROVALS.get(environment, 0))
        return values

    @model_validator(mode="after")
    def _paths_are_absolute(self) -> Settings:
        home = self.project / self.home
        derived: dict[str, Any] = {
            "home": home,
            "store_url": self.store_url or str(home / "store"),
            "ledger_url": self.ledger_url or f"sqlite:///{home / 'ledger.db'}",
            "checkpoints": self.project / self.checkpoints if self.checkpoints != Path() else home / "checkpoints",
            "checkpoint_key": self.project / self.checkpoint_key if self.checkpoint_key else None,
            "mlflow_tracking_uri": self.mlflow_tracking_uri or f"sqlite:///{home / 'mlflow.db'}",
            "mlflow_artifacts": self.mlflow_artifacts or str(home / "mlartifacts"),
            "online_url": self.online_url or str(home / "online.db"),
            "journal": self.project / self.journal if self.journal != Path() else home / "journal",
            "cache": self.project / self.cache if self.cache != Path() else home / "cache",
            "mirror": (self.project / self.mirror) if self.mirror else None,
        }
        for field, value in derived.items():
            object.__setattr__(self, field, value)
        return self

    @field_validator("keep_bundles")
    @classmethod
    def _known_risks_and_durations(cls, value: dict[str, str]) -> dict[str, str]:
        from mlops_assets.spec.durations import Duration

        if unknown := sorted(set(value) - set(_KEEP_BUNDLES)):
            raise ValueError(f"{unknown[0]!r} is no risk class; valid: {', '.join(_KEEP_BUNDLES)}")
        for keep in value.values():
            if keep != "forever":
                Duration.parse(keep)
        return {**_KEEP_BUNDLES, **value}

    @property
    def definitions(self) -> Path:
        """Folder of the declarations."""
        return self.project / "definitions"

    @property
    def dagster_home(self) -> Path:
        """Folder of the Dagster instance."""
        return Path(os.environ.get("DAGSTER_HOME") or self.project / "dagster_home")


def find_project(start: Path | None = None) -> Path:
    """The folder that holds `definitions/`: ``start``, else `MLOPS_PROJECT`, else the current folder or one above it.

    Raises:
        SettingsError: when there is none.
    """
    if start is None and (named := os.environ.get("MLOPS_PROJECT")):
        start = Path(named)
    if start is not None:
        if not (start / "definitions").is_dir():
            raise SettingsError("no project here: there is no folder definitions/.", where=str(start), do="`mlops init DIR` makes one.")
        return start.resolve()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "definitions").is_dir():
            return folder
    raise SettingsError(
        "no project here: neither this folder nor one above it holds definitions/.",
        where=str(here),
        do="Go to a project, name it with --project DIR, or make one with `mlops init DIR`.",
    )


def _declared(file: Path) -> dict[str, Any]:
    """What stands under `[tool.mlops]`.

    Raises:
        SettingsError: when the file cannot be read, or that is no table.
    """
    try:
        found: Any = tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"not valid TOML: {error}.", where=str(file)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot be read as UTF-8 text: {error}.", where=str(file)) from None
    for part, name in (("tool", "[tool]"), ("mlops", "[tool.mlops]")):
        found = found.get(part, {})
        if not isinstance(found, dict):
            raise SettingsError(f"{name} is {found!r}, not a table of settings.", where=str(file))
    return dict(found)


def load_settings(project: Path | None = None, environment: str | None = None) -> Settings:
    """Settings of the project at ``project`` (see :func:`find_project`), for ``environment`` if one is named.

    Raises:
        SettingsError: for an unknown key or a value that cannot be used, naming the file or the variable.
    """
    folder = find_project(project)
    file = folder / "pyproject.toml"
    declared = _declared(file) if file.exists() else {}
    layers = {name: declared[name] for name in ENVIRONMENTS if isinstance(declared.get(name), dict)}
    common = {key: value for key, value in declared.items() if key not in layers}
    chosen = environment or os.environ.get("MLOPS_ENVIRONMENT") or common.get("environment") or "test"
    if chosen not in ENVIRONMENTS:
        raise SettingsError(f"{chosen!r} is no environment.", valid=ENVIRONMENTS)
    values = {**common, **layers.get(chosen, {}), "project": folder, "environment": chosen}
    unknown = sorted(set(values) - set(Settings.model_fields))
    if unknown:
        guess = nearest(unknown[0], Settings.model_fields)
        raise SettingsError(
            f"[tool.mlops] has no setting {unknown[0]!r}.",
            where=str(file),
            valid=sorted(set(Settings.model_fields) - {"project"}),
            do=f"Did you mean {guess!r}?" if guess else None,
        )
    try:
        settings = Settings(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "settings"
        source = f"MLOPS_{name.upper()}" if f"MLOPS_{name.upper()}" in os.environ else str(file)
        raise SettingsError(f"{name}: {first['msg']}; found {first.get('input')!r}.", where=source) from None
    except PydanticSettingsError as error:
        found = re.search(r'field "(\w+)"', str(error))
        name = f"MLOPS_{found.group(1).upper()}" if found else "MLOPS_…"
        raise SettingsError(
            "this is not valid JSON.", where=name, do='A setting that holds several values is written as JSON: {"a": "b"}.'
        ) from None
    if environment and settings.environment != environment:
        object.__setattr__(settings, "environment", environment)
    return settings
