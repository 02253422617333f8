"""Compare what views show with what files say."""

from __future__ import annotations

import datetime as dt


def moment(value: str | dt.datetime | None) -> str | None:
    """An instant as far as both engines tell it alike: to the second, UTC."""
    if isinstance(value, str):
        value = dt.datetime.fromisoformat(value)
    if value is None:
        return None
    value = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
    return value.astimezone(dt.UTC).isoformat(" ")[:19]
