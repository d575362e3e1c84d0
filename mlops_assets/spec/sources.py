"""Where rows come from. Exactly one kind a source; a plain string is short for its main field."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from mlops_assets.spec.base import FunctionRef, Spec

SOURCE_KINDS = ("csv", "parquet", "json", "sql", "url", "python", "sklearn", "simulator")
_MAIN_FIELD = {
    "csv": "path",
    "parquet": "path",
    "json": "path",
    "url": "url",
    "python": "function",
    "sklearn": "dataset",
    "simulator": "table",
}


class CsvFormat(Spec):
    """How delimited text is to be read."""

    separator: str = Field(",", description="Field separator.", min_length=1, max_length=1)
    quote: str | None = Field('"', description="Quote character; null where the file uses none.")
    header: bool = Field(True, description="Whether the first line names the columns.")
    names: tuple[str, ...] | None = Field(None, description="Column names of a file without a header line.")
    skip_lines: int = Field(0, ge=0, description="Lines to pass over before anything else.")
    encoding: str = Field("utf-8", description="Text encoding.")
    strip: bool = Field(True, description="Remove white space around text values.")


class CsvSource(CsvFormat):
    """Delimited text files."""

    path: str = Field(description="File, or glob, relative to the project; `{partition}` in it reads that partition's file.")


class ParquetSource(Spec):
    """Parquet files; the event time is filtered while reading."""

    path: str = Field(description="File, glob or fsspec URL; `{partition}` in it reads that partition's file.")


class JsonSource(Spec):
    """Newline-delimited JSON, or one JSON array of objects."""

    path: str = Field(description="File, glob or fsspec URL; `{partition}` in it reads that partition's file.")


class SqlSource(Spec):
    """A query on any SQLAlchemy database. `:start` and `:end` are bound to the window."""

    url: str = Field(description="SQLAlchemy URL, for example {{ env.WAREHOUSE }}.")
    query: str = Field(description="SELECT statement; use :start and :end to read only the window.")


class UrlSource(Spec):
    """One file from the network, pinned by its sha256, cached; the mirror folder is asked first."""

    url: str = Field(description="Address of the original publisher.")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the data file (of the member, if one is named).")
    member: str | None = Field(None, description="Path inside the downloaded zip archive.")
    file: str | None = Field(None, description="Name in the mirror folder; default: the last part of member or URL.")
    format: Literal["csv", "parquet", "json"] = Field("csv", description="Format of the file.")
    csv: CsvFormat = Field(CsvFormat(), description="How to read it if it is CSV.")


class PythonSource(Spec):
    """A function ``(start, end) -> DataFrame or Arrow table``; without parameters it returns everything."""

    function: FunctionRef = Field(description="`.module:function`, relative to the defs.yaml.")
    arguments: dict[str, Any] = Field(default_factory=dict, description="Further keyword arguments.")


class SklearnSource(Spec):
    """A data set that is bundled with scikit-learn; the label column is `target`."""

    dataset: Literal["iris", "wine", "breast_cancer", "digits", "diabetes"] = Field(description="Which bundled set.")


class SimulatorSource(Spec):
    """A table of the embedded simulated shop. Any day can be computed on its own."""

    table: Literal["orders", "customers"] = Field(description="Which table of the shop.")
    customers: int = Field(2000, ge=10, description="How many customers have signed up by the end of the first year.")
    seed: int = Field(7, ge=0, description="Seed of the whole shop; all tables of a shop share it.")
    shift_at: str | None = Field("2026-01-01", description="Date of the documented change in behaviour; null for none.")


class Source(Spec):
    """Exactly one of csv, parquet, json, sql, url, python, sklearn, simulator."""

    csv: CsvSource | None = Field(None, description="Delimited text.")
    parquet: ParquetSource | None = Field(None, description="Parquet files.")
    json_: JsonSource | None = Field(None, alias="json", description="JSON lines or an array.")
    sql: SqlSource | None = Field(None, description="A database query.")
    url: UrlSource | None = Field(None, description="A pinned download.")
    python: PythonSource | None = Field(None, description="A Python function.")
    sklearn: SklearnSource | None = Field(None, description="A bundled data set.")
    simulator: SimulatorSource | None = Field(None, description="The simulated shop.")

    @model_validator(mode="before")
    @classmethod
    def _expand_short_form(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            raise ValueError(f"a source is one of {', '.join(SOURCE_KINDS)}, for example {{csv: data/orders.csv}}")
        return {
            kind: {_MAIN_FIELD[kind]: inner} if isinstance(inner, str) and kind in _MAIN_FIELD else inner for kind, inner in value.items()
        }

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        described = handler(schema)
        for kind in _MAIN_FIELD:
            handler.resolve_ref_schema(described)["properties"][kind]["anyOf"].append({"type": "string"})
        return described

    @model_validator(mode="after")
    def _exactly_one(self) -> Source:
        given = [kind for kind in SOURCE_KINDS if getattr(self, "json_" if kind == "json" else kind) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise ValueError(f"give exactly one of {', '.join(SOURCE_KINDS)}; found {found}")
        return self

    @property
    def kind(self) -> str:
        """Which of :data:`SOURCE_KINDS` it is."""
        return next(k for k in SOURCE_KINDS if getattr(self, "json_" if k == "json" else k) is not None)

    @property
    def detail(self) -> Spec:
        """The settings of that kind."""
        detail: Spec = getattr(self, "json_" if self.kind == "json" else self.kind)
        return detail
