"""`curation show`."""

from __future__ import annotations

from typing import Any

import click

from .options import article_argument, open_store
from .output import chosen_output, output_options, print_rows, print_text, to_json

#: Parts that are lists of mappings, shown by these of their columns.
_PARTS = {
    "images": ("url", "width", "height"),
    "related": ("target_id", "quality", "published_at", "title"),
    "items": ("item_id", "item_path"),
}


@click.command("show")
@article_argument("article")
@output_options
def show_command(article: str) -> None:
    """Shows all about one article: its fields, and for each flag who decides it.

    ARTICLE is an id, a path, a unique end of a path, or a URL.

    \b
    Examples:
      curation show 42
      curation show needle-rock-goes-led
      curation show https://www.example.com/story --format json
    """
    from ..articles.reading import read_article
    from ..articles.selecting import find_article

    store = open_store()
    with store.reading() as connection:
        found = read_article(connection, find_article(connection, article))
    if chosen_output().form in ("json", "jsonl"):
        _print_object(found)
    else:
        print_rows(("field", "value"), _lines(found))


def _print_object(found: dict[str, Any]) -> None:
    text = to_json(found, indent=2 if chosen_output().form == "json" else None)
    print_text(f"{line}\n" for line in text.split("\n"))


def _lines(found: dict[str, Any]) -> list[tuple[str, object]]:
    """A line for each field that has a value; the body last, being long."""
    lines: list[tuple[str, object]] = []
    for name, value in found.items():
        if name == "flags":
            lines += [(flag["flag"], _flag_in_words(flag)) for flag in value]
        elif name in _PARTS:
            lines += [(f"{name} {i}", _part_in_words(part, _PARTS[name])) for i, part in enumerate(value, 1)]
        elif name in ("topics", "authors"):
            lines += [(name, ", ".join(value))] if value else []
        elif name != "body" and value not in (None, [], {}, ""):
            lines.append((name, value))
    return [*lines, ("body", found["body"])] if found["body"] else lines


def _flag_in_words(flag: dict[str, Any]) -> str:
    from .output import text_cell

    value = text_cell(flag["value"]) or "none"
    upstream = text_cell(flag["upstream"]) or "silent"
    if flag["override"] is None:
        return f"{value} (upstream: {upstream})"
    why = f": {flag['reason']}" if flag["reason"] else ""
    return f"{value} (decided by {flag['actor']} at {text_cell(flag['at'])}{why}; upstream: {upstream})"


def _part_in_words(part: dict[str, Any], names: tuple[str, ...]) -> str:
    from .output import text_cell

    return "  ".join(text_cell(part[name]) for name in names if part[name] is not None)
