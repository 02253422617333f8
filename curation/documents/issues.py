"""Issues of a file: collected while it is read, and given their line and column at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import DocumentError

if TYPE_CHECKING:
    from .strict_yaml import Marks, Path as _Path

#: Maximum number of issues that are listed for one file.
MAX_ISSUES = 100


class Issue(NamedTuple):
    """One problem in one file: an error, a warning or a notice. Lines and columns count from 1."""

    severity: str
    code: str
    message: str
    field: str | None = None
    line: int | None = None
    column: int | None = None


class FastReadingError(Exception):
    """The fast reader of YAML may have read a value wrongly: the file has to be read carefully."""


class Reading:
    """A file that is being read: its values, and the issues found in them.

    values: the front matter.
    body: the text after the front matter.
    text: the source of the front matter.
    """

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
        self._issues = notices
        self._paths: dict[str, _Path] = {}
        self._seen: set[tuple[str, str]] = set()
        self.values = values
        if marks is not None:
            self._add_notices(marks)

    def _add_notices(self, marks: Marks) -> None:
        """Report what careful reading found."""
        for path, notice in marks.lookalikes:
            self.add_issue("notice", *notice, path)
        if marks.objection is not None:
            message, line, column = marks.objection
            line = None if line is None else line + self._first_line - 1
            message = f"a stricter YAML parser would reject the file: {message}"
            self._issues.append(Issue("notice", "loose_yaml", message, None, line, column))

    def add_issue(self, severity: str, code: str, message: str, path: _Path) -> None:
        """Add an issue of the value at a path, once for each code, up to `MAX_ISSUES` for the file."""
        name = format_field_name(path)
        self._paths[name] = path
        if (code, name) in self._seen or len(self._seen) > MAX_ISSUES:
            return
        self._seen.add((code, name))
        if len(self._seen) <= MAX_ISSUES:
            self._issues.append(Issue(severity, code, message, name))
        else:
            message = f"more than {MAX_ISSUES} issues; the others are not listed"
            self._issues.append(Issue("warning", "too_many_issues", message))

    def make_error(self, code: str, message: str, path: _Path) -> DocumentError:
        """Return an error with the field, line and column of a value, for the caller to raise."""
        line, column = self._place(path)
        return DocumentError(code, message, line, column, format_field_name(path))

    def find_unquoted_text(self, path: _Path) -> str | None:
        """Return a value as it is written in the file; None if it is quoted."""
        return self._careful_marks().plain.get(path)

    def locate_issues(self) -> tuple[Issue, ...]:
        """Return all issues, each with the line and column of its field."""
        return tuple(map(self._locate, self._issues))

    def _locate(self, issue: Issue) -> Issue:
        if issue.field is None:
            return issue
        line, column = self._place(self._paths[issue.field])
        return issue._replace(line=line, column=column)

    def require_careful_reading(self) -> None:
        """Raise FastReadingError if the values come from the fast reader, and so may be wrong."""
        if self._is_fast:
            raise FastReadingError

    def _careful_marks(self) -> Marks:
        if self._marks is None:
            from . import strict_yaml  # not loaded by an import that finds no changes

            try:
                self._marks = strict_yaml.read_carefully(self.text)[1]
            except DocumentError as error:
                if error.line is not None:
                    error.line += self._first_line - 1
                raise
        return self._marks

    def _place(self, path: _Path) -> tuple[int | None, int | None]:
        places = self._careful_marks().places
        # A value from an alias or a merge has no place of its own: the nearest value above it has one.
        while path and path not in places:
            path = path[:-1]
        place = places.get(path)
        return (place[0] + self._first_line - 1, place[1]) if place else (None, None)


def format_field_name(path: _Path) -> str:
    """Return the name of a field: `related[3].publishedDateTime` for ("related", 3, "publishedDateTime")."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")
