"""Keys: shown once, kept as a hash, and worth only what their roles, scopes and time allow."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from typing import Any

import pytest

from mlops_assets.errors import MlopsError
from mlops_assets.governance.principals import KeyRefused, add_key, authenticate, os_user, revoke_key, valid_keys
from mlops_assets.ledger.actors import Actor, in_scope


def test_a_key_identifies_its_principal_and_stands_nowhere_in_the_ledger(company: Any) -> None:
    key, kept = add_key(company.ledger, os_user(), "alice", ["approver"], scopes=["prod/churn"])
    actor = authenticate(company.ledger.fold().keys, key, company.ledger.now())
    assert (actor.name, actor.roles, actor.scopes, actor.key) == ("alice", {"approver"}, ("prod/churn",), kept.prefix)
    secret = key.split("_", 2)[2]
    assert len(secret) == 43
    dump = "\n".join(sqlite3.connect(company.ledger.engine.url.database).iterdump())
    assert secret not in dump
    assert kept.hash in dump


@pytest.mark.parametrize(
    "wrong",
    ["", "alice", "mlops_0123456789ab_" + "x" * 43, "mlops_" + "é" * 12 + "_" + "x" * 43, "x" * 100_000, "mlops__", "\x00", "\udcff"],
)
def test_a_key_that_is_not_one_is_refused_and_not_repeated(company: Any, wrong: str) -> None:
    company.hire("alice", "approver")
    with pytest.raises(KeyRefused, match="is not known here") as caught:
        authenticate(company.ledger.fold().keys, wrong, company.ledger.now())
    assert len(wrong) < 5 or wrong not in str(caught.value)


def test_a_right_prefix_with_a_wrong_secret_is_refused(company: Any) -> None:
    key, _ = add_key(company.ledger, os_user(), "alice", ["approver"])
    other = key[:-1] + ("A" if key[-1] != "A" else "B")
    with pytest.raises(KeyRefused):
        authenticate(company.ledger.fold().keys, other, company.ledger.now())


def test_a_revoked_and_an_expired_key_are_refused_with_the_reason(company: Any) -> None:
    now = company.ledger.now()
    key, _ = add_key(company.ledger, os_user(), "alice", ["approver"], expires=now + timedelta(days=1))
    keys = company.ledger.fold().keys
    assert authenticate(keys, key, now + timedelta(hours=23)).name == "alice"
    with pytest.raises(KeyRefused, match="of alice expired at"):
        authenticate(keys, key, now + timedelta(days=2))
    revoke_key(company.ledger, os_user(), "alice", "left")
    with pytest.raises(KeyRefused, match="of alice was revoked at"):
        authenticate(company.ledger.fold().keys, key, now)
    assert valid_keys(company.ledger.fold().keys, now) == []
    with pytest.raises(MlopsError, match="has no valid key"):
        revoke_key(company.ledger, os_user(), "alice")


def test_once_there_is_an_admin_only_an_admin_manages_keys(company: Any) -> None:
    root = company.hire("root", "admin")
    with pytest.raises(KeyRefused, match=r"may not manage keys.*Ask an admin \(root\)"):
        company.hire("eve", "admin")
    alice = company.hire("alice", "approver", by=root)
    with pytest.raises(KeyRefused):
        company.hire("eve", "approver", by=alice)
    with pytest.raises(KeyRefused):
        revoke_key(company.ledger, alice, "root")
    revoke_key(company.ledger, alice, "alice")
    assert [key.principal for key in valid_keys(company.ledger.fold().keys, company.ledger.now())] == ["root"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"principal": "Alice Smith"}, "is no name for a principal"),
        ({"principal": "alice@example.org"}, "is no name for a principal"),
        ({"principal": "os:alice"}, "is no name for a principal"),
        ({"roles": ["boss"]}, "is no role"),
        ({"roles": []}, "needs at least one role"),
        ({"scopes": ["prod"]}, "is no scope"),
        ({"scopes": ["live/churn"]}, "is no scope"),
    ],
)
def test_what_cannot_be_a_key_is_refused(company: Any, change: dict[str, Any], said: str) -> None:
    options: dict[str, Any] = {"principal": "alice", "roles": ["approver"], "scopes": ["*/*"], **change}
    with pytest.raises(MlopsError, match=said):
        add_key(company.ledger, os_user(), options["principal"], options["roles"], scopes=options["scopes"])
    assert company.ledger.size() == 0


def test_a_key_that_would_have_expired_already_is_not_made(company: Any) -> None:
    with pytest.raises(MlopsError, match="which is past"):
        add_key(company.ledger, os_user(), "alice", ["approver"], expires=company.ledger.now() - timedelta(seconds=1))


def test_roles_count_within_their_scope_and_admin_holds_all_of_them() -> None:
    assert in_scope(["prod/churn"], "churn", "prod")
    assert not in_scope(["prod/churn"], "fraud", "prod")
    assert not in_scope(["test/*"], "churn", "prod")
    assert in_scope(["*/*"], None, None)
    approver = Actor("a", frozenset({"approver"}), ("prod/*",), "k")
    assert approver.may("approver", "churn", "prod")
    assert not approver.may("operator", "churn", "prod")
    assert Actor("r", frozenset({"admin"}), ("*/*",), "k").may("operator", "churn", "prod")
    assert not Actor("os:a", frozenset({"admin"}), ("*/*",)).may("operator", "churn", "prod")
