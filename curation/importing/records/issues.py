"""Issues: one row a fault, from the import that found it to the one that finds it mended."""

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
from ..merging.rules import DOUBTS, NOTICES

MAX_MESSAGE = 200

_COLUMNS = ("id", "import_id", "source_id", "path", "severity", "code", "line", "column", "field", "message")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

_Key = tuple[str, str | None]

#: What only a scan as a whole can tell of a file that is taken in.
OF_THE_SCAN = frozenset({"case_collision"})

#: What stands whatever a file says now: of this, the scan and editors have the last word.
_STANDING = OF_THE_SCAN.union(DOUBTS)


@dataclass(slots=True)
class _OpenIssue:
    """An open issue: its row (None if it is not written yet) and what was said."""

    issue_id: int | None
    issue: Issue


class IssueBook:
    """The open issues of a source, and what an import adds to them and closes.

    A fault that is found again keeps its row: importing twice adds nothing. Before paths are settled,
    `load` reads what is open of them.
    """

    def __init__(self, connection: sa.Connection, source_id: int, import_id: int) -> None:
        self._source_id = source_id
        self._import_id = import_id
        self._open: dict[str, dict[_Key, _OpenIssue]] = {}
        self._new: list[tuple[str, Issue]] = []
        self._moved: list[tuple[int, Issue]] = []
        self._mended: list[int] = []
        #: The paths that have open issues: what is to be read before they are settled.
        self._troubled = set(connection.scalars(sa.select(import_issues.c.path).where(*self._are_open())))

    def _are_open(self) -> tuple[sa.ColumnElement[bool], ...]:
        return (
            import_issues.c.source_id == self._source_id, import_issues.c.resolved_import_id.is_(None),
        )  # fmt: skip

    def __bool__(self) -> bool:
        """Whether any path has an open issue."""
        return bool(self._troubled)

    def load(self, connection: sa.Connection, paths: Iterable[str]) -> None:
        """Reads the open issues of the paths that are to be settled; `flush` forgets them again."""
        table = import_issues.c
        told = (table.severity, table.code, table.message, table.field, table.line, table.column)
        query = sa.select(table.id, table.path, *told).where(*self._are_open())
        for some in chunks([path for path in paths if path in self._troubled and path not in self._open]):
            for issue_id, path, *rest in connection.execute(query.where(table.path.in_(some))):
                issue = Issue(*rest)
                self._open.setdefault(path, {})[issue.code, issue.field] = _OpenIssue(issue_id, issue)

    def fields_with(self, path: str, code: str) -> set[str | None]:
        """The fields of a path that have an open issue of this code."""
        return {field for found, field in self._open.get(path, ()) if found == code}

    def open_of(self, path: str, codes: Container[str]) -> list[Issue]:
        """Return the open issues of a path that have one of these codes; the path is loaded."""
        return [
            open_issue.issue
            for open_issue in self._open.get(path, {}).values()
            if open_issue.issue.code in codes
        ]

    def add(self, path: str, issue: Issue) -> None:
        """Add an issue to what is known of a path, unless it has one of this code and field; it is loaded."""
        key, open_issue = (issue.code, issue.field), _OpenIssue(None, _short(issue))
        if self._open.setdefault(path, {}).setdefault(key, open_issue) is open_issue:
            self._new.append((path, open_issue.issue))

    def settle(
        self,
        path: str,
        issues: Collection[Issue],
        keep: Container[str] = _STANDING,
        *,
        is_kept_out: bool = False,
    ) -> None:
        """Says that a file was looked at, and that these are now all its faults, but for some codes. Of a
        file that is kept out, they are all for which it is: what was said of the version in the store stands.
        """
        before = self._open.get(path)
        if not before and not issues:
            return
        before = before or {}
        now = {(issue.code, issue.field): _short(issue) for issue in issues}
        kept = {
            key: open_issue
            for key, open_issue in before.items()
            if (is_kept_out and not _keeps_out(open_issue.issue))
            or (open_issue.issue.code in keep and key not in now)
        }
        for key, open_issue in before.items():
            if key not in now and key not in kept:
                self._resolve(open_issue)
        for key, issue in now.items():
            issue_id = before[key].issue_id if key in before else None
            if key not in before:
                self._new.append((path, issue))
            elif issue_id is not None and before[key].issue != issue:
                self._moved.append((issue_id, issue))
            kept[key] = _OpenIssue(issue_id, issue)
        self._open[path] = kept

    def settle_read(self, path: str) -> None:
        """Says that a file is as the store has it: what kept it out before is mended."""
        if path in self._troubled:
            self.settle(path, (), is_kept_out=True)

    def settle_back(self, path: str, issues: Collection[Issue]) -> None:
        """Says that a file which was missing is there again as the store has it, with these faults; what is
        said of decisions about it stands."""
        self.settle(path, issues, keep=OF_THE_SCAN.union(NOTICES))

    def settle_notice(self, path: str, code: str, field: str | None, message: str | None) -> None:
        """Says what one open notice now has to say; None closes it. Its path is loaded."""
        open_issue = self._open[path].get((code, field))
        if open_issue is None or open_issue.issue.message == message:
            return
        if message is None:
            self._resolve(self._open[path].pop((code, field)))
        elif open_issue.issue_id is not None:
            self._moved.append(
                (open_issue.issue_id, open_issue.issue._replace(message=short_message(message)))
            )

    def settle_scan(self, connection: sa.Connection, issues: Mapping[str, Issue]) -> None:
        """Says what the scan found of files that are taken in, and that it found no more."""
        told = sa.select(import_issues.c.path).where(*self._are_open(), import_issues.c.code.in_(OF_THE_SCAN))
        mended = set(connection.scalars(told)) - issues.keys()
        self.load(connection, {*mended, *issues})
        for path in mended:
            open_issues = self._open[path]
            for key in [key for key in open_issues if key[0] in OF_THE_SCAN]:
                self._resolve(open_issues.pop(key))
        for path, issue in issues.items():
            self.add(path, issue)

    def _resolve(self, open_issue: _OpenIssue) -> None:
        if open_issue.issue_id is not None:
            self._mended.append(open_issue.issue_id)

    def settle_vanished(
        self, connection: sa.Connection, seen: Container[str], is_known: Callable[[str], bool]
    ) -> None:
        """Closes the issues of files that are not there any more, as far as was looked (`is_known`)."""
        gone = [path for path in self._troubled if path not in seen and is_known(path)]
        self.load(connection, gone)
        for path in gone:
            self.settle_gone(path)

    def settle_gone(self, path: str) -> None:
        """Says that there is no such document any more; what is said of decisions about it stands."""
        self.settle(path, (), keep=NOTICES)

    def flush(self, connection: sa.Connection) -> None:
        """Writes what was settled; the caller commits."""
        if self._new:
            backend = backend_of(connection)
            ids = backend.reserve_ids(connection, import_issues, len(self._new))
            rows = [
                self._row(issue_id, path, issue)
                for issue_id, (path, issue) in zip(ids, self._new, strict=True)
            ]
            backend.bulk_insert(connection, import_issues, _COLUMNS, rows)
        for ids_ in chunks(self._mended):
            connection.execute(
                sa.update(import_issues)
                .where(import_issues.c.id.in_(ids_))
                .values(resolved_import_id=self._import_id)
            )
        for issue_id, issue in self._moved:
            told = ("severity", "line", "column", "message")
            values = {name: getattr(issue, name) for name in told}
            row = import_issues.c.id == issue_id
            connection.execute(sa.update(import_issues).where(row).values(values))
        self._new, self._moved, self._mended = [], [], []
        for path, open_issues in self._open.items():
            (self._troubled.add if open_issues else self._troubled.discard)(path)
        self._open = {}

    def _row(self, issue_id: int, path: str, issue: Issue) -> tuple[object, ...]:
        told = (issue.severity, issue.code, issue.line, issue.column, issue.field, issue.message)
        return (issue_id, self._import_id, self._source_id, path, *told)


def _keeps_out(issue: Issue) -> bool:
    """Return whether a file is not imported for a fault."""
    return issue.severity == "error" and not is_about_flag(issue.code, issue.field)


def _short(issue: Issue) -> Issue:
    return issue._replace(message=short_message(issue.message))


def short_message(text: str) -> str:
    """At most 200 characters, with control characters escaped."""
    text = _CONTROL.sub(lambda match: ascii(match[0])[1:-1], text)
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1] + "…"
