"""Rows for small projects: drawn from a seed, as CSV text."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

EXAMPLES = """
type: mlops_assets.Dataset
attributes:
  name: rows
  source: {csv: data/rows.csv}
  primary_key: id
  columns:
    id: {type: int64}
    a: {type: float64, ge: -100}
    b: {type: float64, nullable: true}
    y: {type: bool}
---
type: mlops_assets.Model
attributes:
  name: m
  task: binary_classification
  examples: {from: rows, target: y}
  training: {holdout: 30%, estimator: {lightgbm: {num_leaves: 4, num_boost_round: 20}}}
  gates:
    - {gate: calibration, off: true, reason: the numbers are made up}
"""
"""The simple form, undated, in 23 lines; the model begins on line 12."""

FULL = """
type: mlops_assets.Dataset
attributes:
  name: orders
  source: {csv: data/orders.csv}
  partitions: {every: day, start: 2026-01-01, end: 2026-03-01}
  event_time: ordered
  available_at: loaded
  primary_key: order_id
  columns:
    order_id: {type: int64}
    customer: {type: int64}
    ordered: {type: datetime}
    loaded: {type: datetime}
    amount: {type: float64}
---
type: mlops_assets.FeatureView
attributes:
  name: rfm
  entity: customer
  from: [orders]
  lookback: 10d
  sql: |
    select customer, count(*) as frequency, sum(amount) as monetary
    from orders group by customer
---
type: mlops_assets.Model
attributes:
  name: m
  task: binary_classification
  entity: customer
  features: [rfm.*]
  label:
    horizon: 5d
    sql: select customer, false as gone from orders group by customer
    default: true
  training: {window: 30d, every: 5d, holdout: 10d, estimator: {lightgbm: {num_leaves: 4, num_boost_round: 10}}}
"""
"""The full form: daily orders, one feature view, a label of five days."""


def rows(count: int = 600, *, seed: int = 2, one_class: bool = False, without_b: bool = False, invalid: int = 0, repeated: int = 0) -> str:
    """`id,a,b,y`; ``y`` leans on ``a``. The first ``invalid`` rows break a rule, and so many ids after the first are its own."""
    draw = random.Random(seed)
    lines = ["id,a,b,y"]
    for number in range(count):
        a = draw.gauss(0, 1)
        y = one_class or a + draw.gauss(0, 1) > 0
        b = "" if without_b else f"{draw.gauss(0, 1):.3f}"
        lines.append(f"{0 if number <= repeated else number},{-999 if number < invalid else round(a, 4)},{b},{int(y)}")
    return "\n".join(lines) + "\n"


def coin_flips(count: int = 4000, *, columns: int = 20, copy: float | None = None) -> str:
    """`id`, noise, and ``y``, which nothing predicts. With ``copy`` a column `outcome_code` repeats ``y`` but for that share."""
    draw = random.Random(1)
    noise = [f"x{number}" for number in range(columns)]
    lines = [",".join(["id", *noise, *(["outcome_code"] if copy is not None else []), "y"])]
    for number in range(count):
        y = draw.random() < 0.5
        copied = [] if copy is None else [str(int(y != (draw.random() < copy)))]
        lines.append(",".join([str(number), *(f"{draw.gauss(0, 1):.4f}" for _ in noise), *copied, str(int(y))]))
    return "\n".join(lines) + "\n"


def orders(customers: int = 60, days: int = 59, *, zone: str = "Z", more: str = "") -> str:
    """Orders of each day: some customers order often, some hardly ever. ``more`` is appended as it is."""
    draw = random.Random(5)
    lines = ["order_id,customer,ordered,loaded,amount"]
    for customer in range(customers):
        often = draw.choice([0.05, 0.5])
        for day in range(days):
            if draw.random() < often:
                at = datetime(2026, 1, 1) + timedelta(days=day, hours=draw.randrange(23))
                later = at + timedelta(hours=1)
                lines.append(f"{len(lines)},{customer},{at.isoformat()}{zone},{later.isoformat()}{zone},{draw.random() * 50:.2f}")
    return "\n".join(lines) + "\n" + more
