"""What can be known about a query without running it: tables that it names, columns that it returns, words in it.

A reading of tokens, not a parser: where a query is too clever for it, the answer says that it is not complete.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
    (?P<comment>--[^\n]*|/\*.*?\*/)
    | (?P<text>'(?:[^']|'')*'|\$\$.*?\$\$)
    | (?P<quoted>"(?:[^"]|"")*")
    | (?P<parameter>\$\w+)
    | (?P<number>\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|\.\d+)
    | (?P<word>[^\W\d]\w*)
    | (?P<mark>::|<=|>=|<>|!=|\|\||\S)
    """,
    re.VERBOSE | re.DOTALL,
)
_ENDS_OF_LIST = frozenset(("from", "where", "group", "having", "order", "limit", "union", "intersect", "except", "qualify", "window"))
_CLAUSES = (_ENDS_OF_LIST - {"from"}) | {"select", "offset", "using", "on", "pivot"}
_FROM_INSIDE = frozenset(("extract", "trim", "substring", "overlay", "position"))
_NOT_AN_ALIAS = frozenset(("end", "null", "true", "false", "desc", "asc", "distinct", "all", "first", "last"))
UNSTEADY = frozenset(
    (
        "now",
        "today",
        "current_date",
        "current_time",
        "current_timestamp",
        "localtime",
        "localtimestamp",
        "get_current_time",
        "get_current_timestamp",
        "transaction_timestamp",
        "random",
        "setseed",
        "uuid",
        "uuidv4",
        "uuidv7",
        "gen_random_uuid",
    )
)
"""Functions whose answer changes from call to call."""
_WITHOUT_BRACKETS = frozenset(("current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"))


@dataclass(frozen=True)
class Token:
    """A piece of a query. Words that are not quoted are in lower case."""

    kind: str
    text: str
    depth: int

    def is_name(self) -> bool:
        return self.kind in ("word", "quoted")


@dataclass(frozen=True)
class Columns:
    """Columns that a query returns: the names that can be told, and whether those are all."""

    names: tuple[str, ...]
    complete: bool


def tokens(sql: str) -> list[Token]:
    """The query without comments and white space. Closing brackets have the depth of what stands around them."""
    found, depth = [], 0
    for match in _TOKEN.finditer(sql):
        kind, text = str(match.lastgroup), match.group()
        if kind == "comment":
            continue
        if kind == "word":
            text = text.lower()
        elif kind == "quoted":
            text = text[1:-1].replace('""', '"')
        if text in (")", "]", "}") and kind == "mark":
            depth = max(0, depth - 1)
        found.append(Token(kind, text, depth))
        if text in ("(", "[", "{") and kind == "mark":
            depth += 1
    return found


def tables(sql: str) -> tuple[str, ...]:
    """Tables after FROM and JOIN, in order of appearance, without subqueries, table functions and names made by WITH."""
    words = tokens(sql)
    made = {words[i].text.lower() for i in range(len(words) - 2) if words[i].is_name() and _begins_cte(words, i)}
    found: dict[str, None] = {}
    expected: set[int] = set()
    in_from: set[int] = set()
    openers: list[str] = []
    for number, token in enumerate(words):
        before = words[number - 1].text if number else ""
        if token.kind == "mark" and token.text == "(":
            openers.append(before)
            expected.discard(token.depth)
        elif token.kind == "mark" and token.text == ")":
            openers = openers[:-1]
            in_from.discard(token.depth + 1)
            expected.discard(token.depth + 1)
        elif token.kind == "word" and token.text in ("from", "join"):
            inside = openers[-1] if openers else ""
            if token.text == "from" and (before == "distinct" or (inside in _FROM_INSIDE)):
                continue
            expected.add(token.depth)
            in_from.add(token.depth)
        elif token.kind == "mark" and token.text == "," and token.depth in in_from:
            expected.add(token.depth)
        elif token.kind == "word" and token.text in _CLAUSES:
            in_from.discard(token.depth)
        elif token.is_name() and token.depth in expected:
            if token.kind == "word" and token.text in ("lateral", "only"):
                continue
            expected.discard(token.depth)
            follower = words[number + 1].text if number + 1 < len(words) else ""
            if follower != "(" and token.text.lower() not in made:
                found.setdefault(token.text)
    return tuple(found)


def output(sql: str) -> Columns:
    """Columns of the outermost SELECT, as far as its list says."""
    words = tokens(sql)
    start = next((n for n, t in enumerate(words) if t.kind == "word" and t.text == "select" and t.depth == 0), None)
    first = words[0].text if words else ""
    if start is None or first not in ("select", "with"):
        return Columns((), False)
    names: list[str] = []
    complete = True
    for item in _items(words[start + 1 :]):
        name = _name(item)
        if name is None:
            complete = False
        else:
            names.append(name)
    return Columns(tuple(names), complete)


def mentions(sql: str) -> frozenset[str]:
    """Every name in the query in lower case, except those that an ``exclude`` takes away."""
    words = tokens(sql)
    found: set[str] = set()
    skip_depth: int | None = None
    for number, token in enumerate(words):
        if skip_depth is not None:
            if token.depth > skip_depth or (token.kind == "mark" and token.text == "("):
                continue
            skip_depth = None
        if token.kind == "word" and token.text == "exclude":
            if number + 1 < len(words) and words[number + 1].text == "(":
                skip_depth = token.depth
            continue
        if number and words[number - 1].text == "exclude" and token.is_name():
            continue
        if token.is_name():
            found.add(token.text.lower())
    return frozenset(found)


def unsteady(sql: str) -> tuple[str, ...]:
    """Clock and chance in the query: functions whose answer is another one tomorrow."""
    words = tokens(sql)
    found: dict[str, None] = {}
    for number, token in enumerate(words):
        if token.kind != "word" or token.text not in UNSTEADY or (number and words[number - 1].text in (".", "as")):
            continue
        follower = words[number + 1].text if number + 1 < len(words) else ""
        if follower == "(" or token.text in _WITHOUT_BRACKETS:
            found.setdefault(token.text)
    return tuple(found)


def statement_mistake(sql: str) -> str | None:
    """Why the text is not one query; None if it is."""
    words = tokens(sql)
    if not words:
        return "the query is empty"
    if words[0].text not in ("select", "with", "from", "(", "values", "pivot", "unpivot"):
        return f"a query begins with select or with, not with {words[0].text!r}"
    if any(t.text == ";" and t.kind == "mark" for t in words[:-1]):
        return "only one statement is possible; this has several"
    brackets = [t.text for t in words if t.kind == "mark" and t.text in "()"]
    if brackets.count("(") != brackets.count(")"):
        return f"{brackets.count('(')} opening brackets, but {brackets.count(')')} closing ones"
    return None


def _begins_cte(words: Sequence[Token], number: int) -> bool:
    """Whether a name is one that WITH makes: ``name [(columns)] as [not materialized] (``."""
    before = words[number - 1].text if number else ""
    if before not in ("with", "recursive", ","):
        return False
    rest = [t for t in words[number + 1 :] if t.depth == words[number].depth]
    texts = [t.text for t in rest[:6]]
    if texts[:2] == ["(", ")"]:
        texts = texts[2:]
    return texts[:1] == ["as"] and next((t for t in texts[1:] if t not in ("not", "materialized")), "") == "("


def _items(words: Sequence[Token]) -> Iterator[list[Token]]:
    item: list[Token] = []
    for number, token in enumerate(words):
        if token.depth == 0 and token.kind == "word" and token.text in _ENDS_OF_LIST and (number and words[number - 1].text != "distinct"):
            break
        if token.depth == 0 and token.text == ";":
            break
        if token.depth == 0 and token.kind == "mark" and token.text == ",":
            yield item
            item = []
        elif not (number == 0 and token.text in ("distinct", "all")):
            item.append(token)
    if item:
        yield item


def _name(item: Sequence[Token]) -> str | None:
    """Name of one item of a select list, if it can be told."""
    if not item:
        return None
    last, before = item[-1], item[-2] if len(item) > 1 else None
    if len(item) > 2 and item[0].is_name() and item[1].text == ":":
        return item[0].text
    if not last.is_name() or last.depth != 0:
        return None
    if before is None or before.text in (".", "as"):
        return last.text
    if last.kind == "word" and last.text in _NOT_AN_ALIAS:
        return None
    ends = before.text in (")", "]") or before.kind in ("word", "quoted", "number", "text", "parameter")
    return last.text if ends and before.text not in ("not", "and", "or", "is", "like", "in", "then", "else", "interval") else None
