"""`curation show`."""

from __future__ import annotations

from typing import Any

import click

from .help_groups import Command
from .options import article_argument, open_store
from .output import get_output, output_options, print_rows, print_text, to_json

#: Fields that are lists of objects, and the keys of those that a table shows.
_PARTS = {
    "images": ("url", "width", "height"),
    "related": ("target_id", "quality", "published_at", "title"),
    "items": ("item_id", "item_path"),
}


@click.command("show", cls=Command)
@article_argument("article")
@output_options
def show_command(article: str) -> None:
    """Show all fields of an article, and who set its overrides.

    `review` says why the article is in the review queue, and `kept` who has kept it as it is.

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
        article_fields = read_article(connection, find_article(connection, article))
    if get_output().form in ("json", "jsonl"):
        _print_object(article_fields)
    else:
        print_rows(("field", "value"), _to_rows(article_fields))


def _print_object(fields: dict[str, Any]) -> None:
    text = to_json(fields, indent=2 if get_output().form == "json" else None)
    print_text(f"{line}\n" for line in text.split("\n"))


def _to_rows(fields: dict[str, Any]) -> list[tuple[str, object]]:
    """Return a row for each field that has a value. The body is last, because it is long."""
    rows = [row for name, value in fields.items() if name != "body" for row in _field_rows(name, value)]
    return [*rows, ("body", fields["body"])] if fields["body"] else rows


def _field_rows(name: str, value: Any) -> list[tuple[str, object]]:
    """Return the rows of a field: one for each object of a list, and none without a value."""
    if name == "flags":
        return [(flag["flag"], _describe_flag(flag)) for flag in value]
    if name == "review":
        return [(name, _describe_reason(reason)) for reason in value]
    if name == "kept":
        return [(name, _describe_keep(value))] if value else []
    if name in _PARTS:
        return [(f"{name} {i}", _describe_part(part, _PARTS[name])) for i, part in enumerate(value, 1)]
    if name in ("topics", "authors"):
        return [(name, ", ".join(value))] if value else []
    return [] if value in (None, [], {}, "") else [(name, value)]


def _describe_flag(flag: dict[str, Any]) -> str:
    from .output import format_cell

    value = format_cell(flag["value"]) or "none"
    upstream = format_cell(flag["upstream"]) or "not stated"
    if flag["override"] is None:
        return f"{value} (upstream: {upstream})"
    if flag["conflict"]:
        then = format_cell(flag["upstream_then"]) or "not known"
        upstream = f"{upstream}, then: {then}, conflict"
    why = f": {flag['reason']}" if flag["reason"] else ""
    return f"{value} (set by {flag['actor']} at {format_cell(flag['at'])}{why}; upstream: {upstream})"


def _describe_reason(reason: dict[str, Any]) -> str:
    from .output import format_cell

    flag = f": {reason['flag']}" if reason["flag"] else ""
    until = f" (kept until {format_cell(reason['snoozed_until'])})" if reason["snoozed_until"] else ""
    return f"{reason['why']}{flag}{until}"


def _describe_keep(keep: dict[str, Any]) -> str:
    from .output import format_cell

    until = f" until {format_cell(keep['until'])}" if keep["until"] else ""
    why = f": {keep['reason']}" if keep["reason"] else ""
    return f"by {keep['actor']} at {format_cell(keep['at'])}{until}{why}"


def _describe_part(part: dict[str, Any], keys: tuple[str, ...]) -> str:
    from .output import format_cell

    return "  ".join(format_cell(part[key]) for key in keys if part[key] is not None)
