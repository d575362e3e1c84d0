"""The model card as one HTML page: its style and pictures are inside, and nothing in it runs."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

_STYLE = Path(__file__).with_name("card.css")
_STATUSES = ("pass", "fail", "inconclusive", "not_applicable", "off")

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<main>
{body}</main>
</body>
</html>
"""


def render(title: str, markdown: str, pictures: Mapping[str, bytes]) -> str:
    """``markdown`` (without front matter) as a page.

    HTML inside it stays text. Pictures whose address is in ``pictures`` are put into the page.
    """
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    sources = {name: f"data:image/png;base64,{base64.b64encode(png).decode()}" for name, png in pictures.items()}

    def code(_self: Any, tokens: Sequence[Any], index: int, _options: Any, _environment: Any) -> str:
        content = tokens[index].content
        kind = f"status {content}" if content in _STATUSES else "code"
        return f'<code class="{kind}">{escape(content)}</code>'

    def image(_self: Any, tokens: Sequence[Any], index: int, _options: Any, _environment: Any) -> str:
        address, words = str(tokens[index].attrs.get("src", "")), escape(tokens[index].content)
        return f'<figure><img src="{escape(sources.get(address, address))}" alt="{words}"><figcaption>{words}</figcaption></figure>'

    def opened(*_: Any) -> str:
        return '<div class="wide"><table>\n'

    def closed(*_: Any) -> str:
        return "</table></div>\n"

    for name, rule in {"code_inline": code, "image": image, "table_open": opened, "table_close": closed}.items():
        reader.add_render_rule(name, rule)
    return _PAGE.format(title=escape(title), style=_STYLE.read_text(encoding="utf-8"), body=reader.render(markdown))
