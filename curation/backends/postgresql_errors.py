"""Messages for PostgreSQL errors: what each one means and what to do."""

from __future__ import annotations

#: Base classes of psycopg's errors for connections that failed or were lost.
_CONNECTION_ERRORS = frozenset({"OperationalError", "InterfaceError"})

#: Codes of a server that closes or refuses connections: it stops, starts, or has no connections left.
_CONNECTION_CODES = ("08", "28", "3D000", "53300", "57P")

_LOST = (
    "no connection to {location}, or it was lost ({text}): check that the server is running,"
    " then run this again"
)

_OTHER_PROGRAM = "the database has tables of another program ({text}): use a separate database for curation"
_TIME_LIMIT = (
    "the server ended the session by a time limit ({text}), and the last step was rolled back: connect"
    " without a pooler, or raise the limit, then run this again"
)

#: Messages, by the start of SQLSTATE.
_ADVICE = {
    "25006": "the store is read-only ({text}): give the primary server with --database, or turn off"
    " default_transaction_read_only",
    "25P03": _TIME_LIMIT,
    "25P04": _TIME_LIMIT,
    "28": "{location} refused the login ({text}): check user, password and the server's pg_hba.conf",
    "3D000": "the database does not exist ({text}): create it with CREATE DATABASE, or give another one",
    "40": "another command changed the same rows ({text}): run this again",
    "42501": "this user lacks a privilege ({text}): grant it, or connect as another user",
    "42710": _OTHER_PROGRAM,
    "42P06": _OTHER_PROGRAM,
    "42P07": _OTHER_PROGRAM,
    "53100": "the server's disk is full ({text}), and the last step was rolled back: free some space, then"
    " run this again",
    "53300": "{location} has too many connections ({text}): run this again in a moment, or raise the limit on"
    " connections",
    "55P03": "the store is busy ({text}): run this again in a moment",
    "57014": "the server cancelled the last step ({text}), and it was rolled back: run this again; if it"
    " happens again, ask the server's administrator",
    "57P05": _TIME_LIMIT,
}


def explain(error: BaseException, location: str) -> str:
    """Return one line for the user: what went wrong with the store at `location`, and what to do."""
    text, code = get_first_line(error), getattr(error, "sqlstate", None) or ""
    for prefix, advice in _ADVICE.items():
        if code.startswith(prefix):
            return advice.format(text=text, location=location)
    if is_disconnected(error):
        return _LOST.format(location=location, text=text)
    return f"PostgreSQL error: {text}"


def is_disconnected(error: BaseException | None) -> bool:
    """Return whether an error means that the connection failed or was lost."""
    code = getattr(error, "sqlstate", None)
    if code is not None:
        return str(code).startswith(_CONNECTION_CODES)
    return not _CONNECTION_ERRORS.isdisjoint(kind.__name__ for kind in type(error).__mro__)


def get_first_line(error: BaseException | None) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
