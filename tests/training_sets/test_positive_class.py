"""Which class a definition names as positive."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.data.training_sets.positive import positive_class
from mlops_assets.modeling.signature import ModelingError
from mlops_assets.modeling.target import Target
from mlops_assets.spec.scalars import in_yaml, written
from mlops_assets.spec.yaml_lines import read_documents


def from_file(line: str) -> Any:
    (document,) = read_documents(f"positive: {line}")[0]
    value = document.value["positive"]
    return written(value, document.texts[("positive",)]) if ("positive",) in document.texts else value


@pytest.mark.parametrize(
    ("classes", "line", "chosen"),
    [
        (["No", "Yes"], "Yes", "Yes"),
        (["No", "Yes"], "No", "No"),
        (["no", "yes"], "no", "no"),
        (["Off", "on"], "on", "on"),
        (["0", "1"], "1", "1"),
        (["0.0", "1.0"], "1.0", "1.0"),
        (["0.0", "1.0"], "1", "1.0"),
        (["010", "020"], "010", "010"),
        (["1e3", "1e4"], "1e3", "1e3"),
        (["2023-01-01", "2024-01-01"], "2024-01-01", "2024-01-01"),
        (["1.1", "1.10"], "1.10", "1.10"),
        (["false", "true"], "Yes", "true"),
        (["No", "Yes"], "true", "Yes"),
        (["YES", "yes"], "yes", "yes"),
        (["YES", "yes"], "true", None),
        (["8", "010"], "8", "8"),
        (["No", "Yes"], "1", None),
        (["bad", "good"], "Yes", None),
        ([False, True], "Yes", True),
        ([False, True], "no", False),
        ([False, True], "1", True),
        ([False, True], "'Yes'", True),
        ([0, 1], "yes", 1),
        ([0, 1], "'1'", 1),
        ([1, 2], "2.0", 2),
    ],
)
def test_the_class_that_is_written_like_it_or_the_only_one_that_means_it(classes: list[Any], line: str, chosen: Any) -> None:
    found = positive_class(classes, from_file(line))
    assert (found, type(found)) == (chosen, type(chosen))


@pytest.mark.parametrize(("classes", "chosen"), [(["No", "Yes"], "Yes"), (["true", "yes"], None), (["a", "b"], None), ([0, 1], 1)])
def test_a_definition_in_python_may_say_true_where_one_class_means_it(classes: list[Any], chosen: Any) -> None:
    assert positive_class(classes, True) == chosen


TEXTS = st.text(min_size=1) | st.sampled_from(["Yes", "no", "010", "null", "~", "1e3", "<=50K", "12:30", "a: b"])


@given(st.lists(TEXTS, min_size=2, max_size=2, unique=True))
def test_a_class_that_is_advised_is_read_back(classes: list[str]) -> None:
    assert positive_class(classes, from_file(in_yaml(classes[1]))) == classes[1]
    assert yaml.safe_load(f"positive: {in_yaml(classes[1])}").keys() == {"positive"}


def test_the_message_says_a_line_that_works_when_it_is_pasted() -> None:
    values = pd.Series(["Yes", "No", "No", "Yes"])
    for positive in (None, "yes please", from_file("1")):
        with pytest.raises(ModelingError) as refused:
            Target.fit(values, "binary_classification", positive)
        assert "`positive: Yes`" in str(refused.value)
    assert Target.fit(values, "binary_classification", from_file("Yes")).classes == ("No", "Yes")
    assert Target.fit(values, "binary_classification", from_file("No")).classes == ("Yes", "No")
