"""Public data sets: walked forward month by month where they are dated, drawn anew with every seed where they are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.gates.rounds import Round, World, model_of, rows_of

ROWS = 12_000
"""Rows that a round of an undated data set draws at most."""


def telco(data: Path) -> pd.DataFrame:
    frame = pd.read_csv(data / "Telco-Customer-Churn.csv").drop(columns="customerID")
    frame["TotalCharges"] = pd.to_numeric(frame["TotalCharges"], errors="coerce")
    return frame.assign(y=frame.pop("Churn") == "Yes")


def credit(data: Path) -> pd.DataFrame:
    frame = pd.read_csv(data / "UCI_Credit_Card.csv").drop(columns="ID")
    return frame.assign(y=frame.pop("default.payment.next.month") == 1)


def adult(data: Path) -> pd.DataFrame:
    names = [
        "age",
        "work",
        "weight",
        "education",
        "years",
        "marital",
        "occupation",
        "relation",
        "race",
        "sex",
        "gain",
        "loss",
        "hours",
        "country",
        "y",
    ]
    frame = pd.read_csv(data / "adult.data", names=names, skipinitialspace=True, na_values="?").drop(columns="weight")
    return frame.assign(y=frame["y"] == ">50K")


def bundled(name: str) -> Callable[[Path], pd.DataFrame]:
    def load(data: Path) -> pd.DataFrame:
        from sklearn import datasets

        found = getattr(datasets, f"load_{name}")(as_frame=True)
        target = found.target.astype(bool) if name == "breast_cancer" else found.target.astype(float if name == "diabetes" else str)
        return found.data.rename(columns=lambda column: str(column).replace(" ", "_")).assign(y=target)

    return load


def undated(name: str, task: str, load: Callable[[Path], pd.DataFrame], data: Path) -> World:
    def rounds(count: int) -> Iterator[Round]:
        frame = load(data)
        for seed in range(count):
            drawn = frame.sample(min(len(frame), ROWS), random_state=seed).reset_index(drop=True)
            holdout = np.arange(len(drawn)) >= round(0.7 * len(drawn))
            yield Round(name, f"seed {seed}", model_of(task, seed), rows_of(drawn, holdout))

    return World(name, "real", rounds)


def bike_hours(data: Path) -> World:
    """Each month from the tenth: a window of nine months, of which the last is judged."""

    def rounds(count: int) -> Iterator[Round]:
        frame = pd.read_csv(data / "bike_hour.csv")
        moments = pd.to_datetime(frame["dteday"], utc=True) + pd.to_timedelta(frame["hr"], unit="h")
        frame = frame.drop(columns=["instant", "dteday", "casual", "registered"]).rename(columns={"cnt": "y"})
        month = (moments.dt.year - 2011) * 12 + moments.dt.month - 1
        for last in range(9, min(24, 9 + count)):
            inside = ((month > last - 9) & (month <= last)).to_numpy()
            rows = rows_of(
                frame[inside].reset_index(drop=True), (month[inside] == last).to_numpy(), as_of=moments[inside].reset_index(drop=True)
            )
            yield Round("bike_hour", f"month {last}", model_of("regression", last), rows)

    return World("bike_hour", "real", rounds)


def retail(data: Path) -> World:
    """Will a customer buy in the next 28 days? Asked each week, of those who have bought before; the last eight weeks are judged."""

    def rounds(count: int) -> Iterator[Round]:
        lines = pd.read_parquet(data / "online_retail.parquet").dropna(subset=["CustomerID"])
        lines = lines[(lines.Quantity > 0) & (lines.UnitPrice > 0)]
        lines = lines.assign(at=pd.to_datetime(lines.InvoiceDate, utc=True), value=lines.Quantity * lines.UnitPrice)
        orders = (
            lines.groupby(["CustomerID", "InvoiceNo"])
            .agg(at=("at", "min"), value=("value", "sum"), items=("Quantity", "sum"))
            .reset_index()
        )
        asked = pd.date_range("2011-01-10", "2011-11-07", freq="W-MON", tz="UTC")
        examples = pd.concat([_customers(orders, moment) for moment in asked], ignore_index=True)
        for last in range(len(asked) - 1, 21, -2)[:count][::-1]:
            inside = examples[(examples.moment > asked[last - 22]) & (examples.moment <= asked[last])].reset_index(drop=True)
            moments = inside.pop("moment")
            held = (moments > asked[last - 8]).to_numpy()
            rows = rows_of(inside, held, as_of=moments, horizon="28d", entity=("CustomerID",))
            yield Round("online_retail", str(asked[last].date()), model_of("binary_classification", last), rows)

    return World("online_retail", "real", rounds)


def _customers(orders: pd.DataFrame, moment: pd.Timestamp) -> pd.DataFrame:
    before = orders[orders["at"] < moment]
    found = before.groupby("CustomerID").agg(
        first=("at", "min"), last=("at", "max"), n=("value", "size"), spent=("value", "sum"), items=("items", "mean")
    )
    recent = (
        before[before["at"] >= moment - pd.Timedelta("56d")].groupby("CustomerID").agg(recent=("value", "size"), recently=("value", "sum"))
    )
    found = found.join(recent).fillna({"recent": 0, "recently": 0})
    later = orders[(orders["at"] >= moment) & (orders["at"] < moment + pd.Timedelta("28d"))]["CustomerID"].unique()
    days = pd.DataFrame({"since_first": (moment - found.pop("first")).dt.days, "since_last": (moment - found.pop("last")).dt.days})
    return found.join(days).assign(moment=moment, y=found.index.isin(later)).reset_index()


def real_worlds(data: Path) -> tuple[World, ...]:
    """The worlds of the files in ``data``, and those that scikit-learn brings."""
    binary = "binary_classification"
    there: list[tuple[str, Callable[[], World]]] = [
        ("Telco-Customer-Churn.csv", lambda: undated("Telco", binary, telco, data)),
        ("UCI_Credit_Card.csv", lambda: undated("UCI_Credit_Card", binary, credit, data)),
        ("adult.data", lambda: undated("adult", binary, adult, data)),
        ("bike_hour.csv", lambda: bike_hours(data)),
        ("online_retail.parquet", lambda: retail(data)),
    ]
    own = [
        ("breast_cancer", binary),
        ("wine", "multiclass_classification"),
        ("digits", "multiclass_classification"),
        ("diabetes", "regression"),
    ]
    return (
        *(make() for file, make in there if (data / file).is_file()),
        *(undated(name, task, bundled(name), data) for name, task in own),
    )
