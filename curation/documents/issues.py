"""What is wrong in a file, and where: faults are collected while it is read, and placed at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import DocumentError

if TYPE_CHECKING:
    from .strict_yaml import Marks
    from .strict_yaml import Path as _Path

#: Faults of one file that are listed one by one.
MAX_ISSUES = 100


class Issue(NamedTuple):
    """One fault in one file that did not keep it out. Lines and columns count from 1 in the file."""

    severity: str
    code: str
    message: str
    field: str | None = None
    line: int | None = None
    column: int | None = None


class FastReadingError(Exception):
    """A value may be read wrongly by the fast reader of YAML: the file has to be read carefully."""


class Reading:
    """A file being read: its values, and the faults found in them."""

    def __init__(
        self,
        values: dict[str, Any],
        body: str,
        text: str,
        marks: Marks | None,
        notices: list[Issue],
        *,
        first_line: int,
    ) -> None:
        self.body = body
        self.text = text
        self._marks = marks
        self._is_fast = marks is None and bool(text)
        self._first_line = first_line
        self._faults = notices
        self._paths: dict[str, _Path] = {}
        self._seen: set[tuple[str, str]] = set()
        self.values = values
        if marks is not None:
            self._note(marks)

    def _note(self, marks: Marks) -> None:
        """Report what careful reading found."""
        for path, notice in marks.lookalikes:
            self.add_issue("notice", *notice, path)
        if marks.objection is not None:
            message, line, column = marks.objection
            line = None if line is None else line + self._first_line - 1
            told = f"a stricter parser of YAML would refuse the file: {message}"
            self._faults.append(Issue("notice", "loose_yaml", told, None, line, column))

    def add_issue(self, severity: str, code: str, message: str, path: _Path) -> None:
        name = field_name(path)
        self._paths[name] = path
        if (code, name) in self._seen or len(self._seen) > MAX_ISSUES:
            return
        self._seen.add((code, name))
        if len(self._seen) <= MAX_ISSUES:
            self._faults.append(Issue(severity, code, message, name))
        else:
            told = f"more than {MAX_ISSUES} faults: the others are not listed"
            self._faults.append(Issue("warning", "too_many_issues", told))

    def refuse(self, code: str, message: str, path: _Path) -> DocumentError:
        line, column = self._place(path)
        return DocumentError(code, message, line, column, field_name(path))

    def plain_text(self, path: _Path) -> str | None:
        """How a value was written, if without quotes; None for a quoted one."""
        return self._careful_marks().plain.get(path)

    def placed_issues(self) -> tuple[Issue, ...]:
        return tuple(map(self._placed, self._faults))

    def _placed(self, issue: Issue) -> Issue:
        if issue.field is None:
            return issue
        line, column = self._place(self._paths[issue.field])
        return issue._replace(line=line, column=column)

    def doubt(self) -> None:
        """Raise FastReadingError if the values are the fast reader's, and so may not be what is written."""
        if self._is_fast:
            raise FastReadingError

    def _careful_marks(self) -> Marks:
        if self._marks is None:
            from . import strict_yaml  # an import that finds nothing changed loads no parser

            try:
                self._marks = strict_yaml.read_carefully(self.text)[1]
            except DocumentError as error:
                if error.line is not None:
                    error.line += self._first_line - 1
                raise
        return self._marks

    def _place(self, path: _Path) -> tuple[int | None, int | None]:
        places = self._careful_marks().places
        # What an alias or a merge brought has no place of its own: the nearest above it has.
        while path and path not in places:
            path = path[:-1]
        place = places.get(path)
        return (place[0] + self._first_line - 1, place[1]) if place else (None, None)


def field_name(path: _Path) -> str:
    """`related[3].publishedDateTime` for ("related", 3, "publishedDateTime")."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")
