"""Compare values of views with values of files."""

from __future__ import annotations

import datetime as dt


def moment(value: str | dt.datetime | None) -> str | None:
    """Return an instant in UTC and to the second, in one form for both engines."""
    if isinstance(value, str):
        value = dt.datetime.fromisoformat(value)
    if value is None:
        return None
    value = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
    return value.astimezone(dt.UTC).isoformat(" ")[:19]
