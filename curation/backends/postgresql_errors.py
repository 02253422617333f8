"""What PostgreSQL's errors mean, and what to do about each."""

from __future__ import annotations

#: What psycopg's errors of a connection that could not be made, or is gone, descend from.
_CONNECTION_ERRORS = frozenset({"OperationalError", "InterfaceError"})

#: The codes of a server that ends a connection or takes none: it stops, starts, or has no room for more.
_CONNECTION_CODES = ("08", "28", "3D000", "53300", "57P")

_LOST = "no connection to {location}, or it was lost ({text}): see that the server is up, then run this again"

_TAKEN = "the database has tables of another program ({text}): give curation one of its own"
_TIME_UP = (
    "the server ended the session by a time limit ({text}), and the last step was not kept: connect to it"
    " without a pooler, or have the limit lifted, then run this again"
)

#: What to do, by the beginning of SQLSTATE.
_ADVICE = {
    "25006": "the store is read-only ({text}): name the server that takes writes by --database, or have"
    " default_transaction_read_only lifted",
    "25P03": _TIME_UP,
    "25P04": _TIME_UP,
    "28": "{location} does not let this user in ({text}): check user, password and the server's pg_hba.conf",
    "3D000": "there is no such database ({text}): make it by CREATE DATABASE, or name another one",
    "40": "another command was changing the same ({text}): run this again",
    "42501": "this user may not do that ({text}): have the right granted, or connect as another user",
    "42710": _TAKEN,
    "42P06": _TAKEN,
    "42P07": _TAKEN,
    "53100": "the server's disk is full ({text}): the last step was not kept; make room, then run this again",
    "53300": "{location} has no connection to spare ({text}): run this again in a moment, or have the limit"
    " on connections raised",
    "55P03": "the store is busy ({text}): run this again in a moment",
    "57014": "the server cancelled the last step ({text}), and it was not kept: run this again; if it happens"
    " again, ask who looks after the server",
    "57P05": _TIME_UP,
}


def explain(error: BaseException, location: str) -> str:
    """Return one line that says what went wrong at a store's location, and what to do."""
    text, code = first_line(error), getattr(error, "sqlstate", None) or ""
    for sign, advice in _ADVICE.items():
        if code.startswith(sign):
            return advice.format(text=text, location=location)
    if is_cut(error):
        return _LOST.format(location=location, text=text)
    return f"PostgreSQL says: {text}"


def is_cut(error: BaseException | None) -> bool:
    """Whether there is no connection (any more)."""
    code = getattr(error, "sqlstate", None)
    if code is not None:
        return str(code).startswith(_CONNECTION_CODES)
    return not _CONNECTION_ERRORS.isdisjoint(kind.__name__ for kind in type(error).__mro__)


def first_line(error: BaseException | None) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
