"""Where rows come from. Exactly one kind a source; a plain string is short for its main field.

A new kind is a format class here with its line in :class:`Source`, and a file of its name in ``data/sources`` that reads it.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from mlops_assets.spec.base import FunctionRef, Spec, Sql
from mlops_assets.spec.decides import WhenSet


class SourceFormat(Spec):
    """How a source of one kind is declared, and what the language must know of that kind."""

    main_field: ClassVar[str | None] = None
    """The field that a plain string is short for; None: there is no short form."""

    @property
    def delimited(self) -> CsvFormat | None:
        """How its text is to be read where it is delimited; None where it cannot be."""
        return None


class CsvFormat(Spec):
    """How delimited text is to be read."""

    separator: str = Field(",", description="Field separator.", min_length=1, max_length=1)
    quote: str | None = Field('"', description="Quote character; null where the file uses none.")
    header: bool = Field(True, description="Whether the first line names the columns.")
    names: tuple[str, ...] | None = Field(None, description="Column names of a file without a header line.")
    skip_lines: int = Field(0, ge=0, description="Lines to pass over before anything else.")
    encoding: str = Field("utf-8", description="Text encoding.")
    strip: bool = Field(True, description="Remove white space around text values.")
    comment: Annotated[str | None, WhenSet()] = Field(
        None, min_length=1, max_length=1, description="Lines that begin with this character are passed over."
    )


class CsvSource(SourceFormat, CsvFormat):
    """Delimited text files."""

    main_field = "path"

    path: str = Field(description="File, or glob, relative to the project; `{partition}` in it reads that partition's file.")

    @property
    def delimited(self) -> CsvFormat:
        return self


class ParquetSource(SourceFormat):
    """Parquet files; the event time is filtered while reading."""

    main_field = "path"

    path: str = Field(description="File, glob or fsspec URL; `{partition}` in it reads that partition's file.")


class JsonSource(SourceFormat):
    """Newline-delimited JSON, or one JSON array of objects."""

    main_field = "path"

    path: str = Field(description="File, glob or fsspec URL; `{partition}` in it reads that partition's file.")


class SqlSource(SourceFormat):
    """A query on any SQLAlchemy database. `:start` and `:end` are bound to the window."""

    url: str = Field(description="SQLAlchemy URL, for example {{ env.WAREHOUSE }}.")
    query: Sql = Field(description="SELECT statement; use :start and :end to read only the window.")


class UrlSource(SourceFormat):
    """One file from the network, pinned by its sha256, cached; the mirror folder is asked first."""

    main_field = "url"

    url: str = Field(description="Address of the original publisher.")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the data file (of the member, if one is named).")
    member: str | None = Field(None, description="Path inside the downloaded zip archive.")
    file: str | None = Field(None, description="Name in the mirror folder; default: the last part of member or URL.")
    format: Literal["csv", "parquet", "json"] = Field("csv", description="Format of the file.")
    csv: CsvFormat = Field(CsvFormat(), description="How to read it if it is CSV.")

    @property
    def delimited(self) -> CsvFormat:
        return self.csv


class PythonSource(SourceFormat):
    """A function ``(start, end) -> DataFrame or Arrow table``; without parameters it returns everything."""

    main_field = "function"

    function: FunctionRef = Field(description="`.module:function`, relative to the defs.yaml.")
    arguments: dict[str, Any] = Field(default_factory=dict, description="Further keyword arguments.")


class SklearnSource(SourceFormat):
    """A data set that is bundled with scikit-learn; the label column is `target`."""

    main_field = "dataset"

    dataset: Literal["iris", "wine", "breast_cancer", "digits", "diabetes"] = Field(description="Which bundled set.")


class SimulatorSource(SourceFormat):
    """A table of the embedded simulated shop. Any day can be computed on its own."""

    main_field = "table"

    table: Literal["orders", "customers"] = Field(description="Which table of the shop.")
    customers: int = Field(2000, ge=10, description="How many customers have signed up by the end of the first year.")
    seed: int = Field(7, ge=0, description="Seed of the whole shop; all tables of a shop share it.")
    shift_at: str | None = Field("2026-01-01", description="Date of the documented change in behaviour; null for none.")


class Source(Spec):
    """Exactly one kind of source."""

    csv: CsvSource | None = Field(None, description="Delimited text.")
    parquet: ParquetSource | None = Field(None, description="Parquet files.")
    json_: JsonSource | None = Field(None, alias="json", description="JSON lines or an array.")
    sql: SqlSource | None = Field(None, description="A database query.")
    url: UrlSource | None = Field(None, description="A pinned download.")
    python: PythonSource | None = Field(None, description="A Python function.")
    sklearn: SklearnSource | None = Field(None, description="A bundled data set.")
    simulator: SimulatorSource | None = Field(None, description="The simulated shop.")

    @classmethod
    def formats(cls) -> dict[str, type[SourceFormat]]:
        """Every kind there is, as it is written, with the class that declares it."""
        return {field.alias or name: get_args(field.annotation)[0] for name, field in cls.model_fields.items()}

    @model_validator(mode="before")
    @classmethod
    def _expand_short_form(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            raise ValueError(f"a source is one of {_listed(cls)}, for example {{csv: data/orders.csv}}")
        main = {kind: form.main_field for kind, form in cls.formats().items() if form.main_field}
        return {kind: {main[kind]: inner} if isinstance(inner, str) and kind in main else inner for kind, inner in value.items()}

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        described = handler(schema)
        body = handler.resolve_ref_schema(described)
        body["description"] = f"Exactly one of {_listed(cls)}."
        for kind, form in cls.formats().items():
            if form.main_field:
                body["properties"][kind]["anyOf"].append({"type": "string"})
        return described

    @model_validator(mode="after")
    def _exactly_one(self) -> Source:
        given = self._given()
        if len(given) != 1:
            raise ValueError(f"give exactly one of {_listed(type(self))}; found {' and '.join(given) or 'none'}")
        return self

    def _given(self) -> dict[str, SourceFormat]:
        fields = {field.alias or name: getattr(self, name) for name, field in type(self).model_fields.items()}
        return {kind: detail for kind, detail in fields.items() if detail is not None}

    @property
    def kind(self) -> str:
        """Which kind it is, as it is written."""
        return next(iter(self._given()))

    @property
    def detail(self) -> SourceFormat:
        """The settings of that kind."""
        return next(iter(self._given().values()))


def _listed(source: type[Source]) -> str:
    return ", ".join(source.formats())
