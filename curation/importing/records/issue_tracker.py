"""Track issues: one row per problem, from the import that finds it to the import that finds it resolved."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Container, Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from ...backends import backend_of
from ...backends.base import chunks
from ...documents.issues import Issue
from ...flags import is_about_flag
from ...store.schema import import_issues
from ..merging.override_rules import MATCH_WARNINGS, OVERRIDE_CODES

#: Maximum length of a stored message, in characters.
MAX_MESSAGE = 200

_COLUMNS = ("id", "import_id", "source_id", "path", "severity", "code", "line", "column", "field", "message")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

_Key = tuple[str, str | None]

#: Codes of issues of imported files that only a scan of the whole source can find.
SCAN_CODES = frozenset({"case_collision"})

#: Codes of issues that stay open whatever a file contains. A scan, an editor or the end of an import (see
#: `decision_notices`) resolves them.
_STICKY_CODES = SCAN_CODES.union(MATCH_WARNINGS, ("upstream_changed",))


@dataclass(slots=True)
class _OpenIssue:
    """An open issue and the id of its row (None if it is not written yet)."""

    issue_id: int | None
    issue: Issue


class IssueTracker:
    """The open issues of a source, and the changes that an import makes to them.

    An issue that is found again keeps its row, so importing twice adds nothing. Changes are collected and
    written by `flush`. `load` must read the open issues of a path before a method changes them.
    """

    def __init__(self, connection: sa.Connection, source_id: int, import_id: int) -> None:
        self._source_id = source_id
        self._import_id = import_id
        self._open: dict[str, dict[_Key, _OpenIssue]] = {}
        self._new: list[tuple[str, Issue]] = []
        self._updated: list[tuple[int, Issue]] = []
        self._resolved: list[int] = []
        #: The paths that have open issues.
        self._paths = set(connection.scalars(sa.select(import_issues.c.path).where(*self._are_open())))

    def _are_open(self) -> tuple[sa.ColumnElement[bool], ...]:
        return (
            import_issues.c.source_id == self._source_id, import_issues.c.resolved_import_id.is_(None),
        )  # fmt: skip

    def __bool__(self) -> bool:
        """Return whether any path has an open issue."""
        return bool(self._paths)

    def load(self, connection: sa.Connection, paths: Iterable[str]) -> None:
        """Read the open issues of some paths. They stay loaded until `flush`."""
        table = import_issues.c
        columns = (table.severity, table.code, table.message, table.field, table.line, table.column)
        query = sa.select(table.id, table.path, *columns).where(*self._are_open())
        for part in chunks([path for path in paths if path in self._paths and path not in self._open]):
            for issue_id, path, *values in connection.execute(query.where(table.path.in_(part))):
                issue = Issue(*values)
                self._open.setdefault(path, {})[issue.code, issue.field] = _OpenIssue(issue_id, issue)

    def find_open_issues(self, path: str, codes: Container[str]) -> list[Issue]:
        """Return the open issues of a loaded path that have one of these codes."""
        return [
            open_issue.issue
            for open_issue in self._open.get(path, {}).values()
            if open_issue.issue.code in codes
        ]

    def add(self, path: str, issue: Issue) -> None:
        """Add an issue to a loaded path, unless it has an open issue of the same code and field."""
        key, open_issue = (issue.code, issue.field), _OpenIssue(None, _shorten(issue))
        if self._open.setdefault(path, {}).setdefault(key, open_issue) is open_issue:
            self._new.append((path, open_issue.issue))

    def set_open(
        self,
        path: str,
        issues: Collection[Issue],
        keep: Container[str] = _STICKY_CODES,
        *,
        is_quarantined: bool = False,
    ) -> None:
        """Set the open issues of a loaded path. Issues that are no longer found are resolved.

        Args:
            issues: all issues that are found now.
            keep: codes of issues that stay open even if they are not among `issues`.
            is_quarantined: the file is quarantined, and `issues` are the reasons. Open issues that do not
                quarantine it are about the stored version, and stay open.
        """
        before = self._open.get(path, {})
        if not before and not issues:
            return
        now = {(issue.code, issue.field): _shorten(issue) for issue in issues}
        kept: dict[_Key, _OpenIssue] = {}
        for key, open_issue in before.items():
            if is_quarantined and not _is_quarantining(open_issue.issue):
                kept[key] = open_issue
            elif key not in now:
                if open_issue.issue.code in keep:
                    kept[key] = open_issue
                else:
                    self._resolve(open_issue)
        for key, issue in now.items():
            kept[key] = self._set_found(path, before.get(key), issue)
        self._open[path] = kept

    def _set_found(self, path: str, before: _OpenIssue | None, issue: Issue) -> _OpenIssue:
        """Add an issue that is found now; update its row if it was open before and has changed."""
        if before is None:
            self._new.append((path, issue))
            return _OpenIssue(None, issue)
        if before.issue_id is not None and before.issue != issue:
            self._updated.append((before.issue_id, issue))
        return _OpenIssue(before.issue_id, issue)

    def resolve_quarantine(self, path: str) -> None:
        """Resolve the issues that quarantined a file, because it is again as the store has it."""
        if path in self._paths:
            self.set_open(path, (), is_quarantined=True)

    def set_open_after_return(self, path: str, issues: Collection[Issue]) -> None:
        """Set the issues of a missing file that is back unchanged. Issues about overrides stay open."""
        self.set_open(path, issues, keep=SCAN_CODES.union(OVERRIDE_CODES))

    def resolve(self, path: str, code: str, field: str | None) -> None:
        """Resolve an issue of a loaded path, if it is open."""
        open_issue = self._open[path].pop((code, field), None)
        if open_issue is not None:
            self._resolve(open_issue)

    def set_message(self, path: str, issue: Issue) -> None:
        """Open an issue of a loaded path, or update it if it is open with another message."""
        key, found = (issue.code, issue.field), _shorten(issue)
        open_issues = self._open.setdefault(path, {})
        open_issues[key] = self._set_found(path, open_issues.get(key), found)

    def set_scan_issues(self, connection: sa.Connection, issues: Mapping[str, Issue]) -> None:
        """Set the issues, by path, that a scan of the whole source found in imported files.

        Resolve those that it no longer found.
        """
        open_paths = sa.select(import_issues.c.path).where(
            *self._are_open(), import_issues.c.code.in_(SCAN_CODES)
        )
        resolved = set(connection.scalars(open_paths)) - issues.keys()
        self.load(connection, {*resolved, *issues})
        for path in resolved:
            open_issues = self._open[path]
            for key in [key for key in open_issues if key[0] in SCAN_CODES]:
                self._resolve(open_issues.pop(key))
        for path, issue in issues.items():
            self.add(path, issue)

    def _resolve(self, open_issue: _OpenIssue) -> None:
        if open_issue.issue_id is not None:
            self._resolved.append(open_issue.issue_id)

    def resolve_vanished(
        self, connection: sa.Connection, seen: Container[str], was_scanned: Callable[[str], bool]
    ) -> None:
        """Resolve the issues of files that no longer exist.

        Args:
            seen: paths of the existing files.
            was_scanned: returns whether the scan could have found a path.
        """
        gone = [path for path in self._paths if path not in seen and was_scanned(path)]
        self.load(connection, gone)
        for path in gone:
            self.resolve_missing(path)

    def resolve_missing(self, path: str) -> None:
        """Resolve the issues of a file that is no longer a document. Issues about overrides stay open."""
        self.set_open(path, (), keep=OVERRIDE_CODES)

    def flush(self, connection: sa.Connection) -> None:
        """Write the collected changes. The caller commits."""
        if self._new:
            backend = backend_of(connection)
            ids = backend.reserve_ids(connection, import_issues, len(self._new))
            rows = [
                self._row(issue_id, path, issue)
                for issue_id, (path, issue) in zip(ids, self._new, strict=True)
            ]
            backend.bulk_insert(connection, import_issues, _COLUMNS, rows)
        for ids_ in chunks(self._resolved):
            connection.execute(
                sa.update(import_issues)
                .where(import_issues.c.id.in_(ids_))
                .values(resolved_import_id=self._import_id)
            )
        for issue_id, issue in self._updated:
            values = {name: getattr(issue, name) for name in ("severity", "line", "column", "message")}
            row = import_issues.c.id == issue_id
            connection.execute(sa.update(import_issues).where(row).values(values))
        self._new, self._updated, self._resolved = [], [], []
        for path, open_issues in self._open.items():
            (self._paths.add if open_issues else self._paths.discard)(path)
        self._open = {}

    def _row(self, issue_id: int, path: str, issue: Issue) -> tuple[object, ...]:
        values = (issue.severity, issue.code, issue.line, issue.column, issue.field, issue.message)
        return (issue_id, self._import_id, self._source_id, path, *values)


def _is_quarantining(issue: Issue) -> bool:
    """Return whether an issue quarantines its file."""
    return issue.severity == "error" and not is_about_flag(issue.code, issue.field)


def _shorten(issue: Issue) -> Issue:
    return issue._replace(message=shorten_message(issue.message))


def shorten_message(text: str) -> str:
    """Return at most `MAX_MESSAGE` characters of a message, with control characters escaped."""
    text = _CONTROL.sub(lambda match: ascii(match[0])[1:-1], text)
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1] + "…"
