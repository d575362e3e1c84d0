"""What columns hold: values into declared types, checks of rows by pandera, and what is said of rows that break them."""

from mlops_assets.data.schema.errors import SchemaError
from mlops_assets.data.schema.findings import Violation
from mlops_assets.data.schema.rules import compile_schema
from mlops_assets.data.schema.validation import Validation, validate

__all__ = ["SchemaError", "Validation", "Violation", "compile_schema", "validate"]
