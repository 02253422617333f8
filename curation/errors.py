"""The errors that users see.

Each carries a message of one line that says what is wrong and, where there is one, the command to
type next. They are caught at the edge only: `curation.cli` prints the message and exits.
"""


class CurationError(Exception):
    """Something that the user can understand and mend; printed as one line, never as a traceback."""


class UsageError(CurationError):
    """What the user gave cannot be what it should be, whatever the store holds; the exit status is 2."""


class StoreError(CurationError):
    """The store cannot be opened, is not of this release, or is busy."""


class StoreReadOnly(StoreError):  # noqa: N818 - the store is read-only, it does not err
    """The store cannot be written to."""


class OutcomeUnknown(StoreError):  # noqa: N818 - not an error of the store, but no answer from it
    """The answer to COMMIT was lost, and the store cannot be asked what became of it."""


class SelectionError(CurationError):
    """A reference or a filter names no article, or more than one where one is wanted."""


class ImportFailed(CurationError):  # noqa: N818 - the message reads "import failed: ..."
    """An import could not be started or finished; what it had committed is whole."""


class EditRefused(CurationError):  # noqa: N818 - an edit is refused, it does not err
    """A decision that the rules forbid, such as publishing a removed article."""


class QueryRefused(CurationError):  # noqa: N818 - as above
    """SQL that the read-only guard or the engine would not run.

    `offset` is the place in the query, in characters from its beginning; `missing` is what is not there, as
    ("table", its name) or ("column", its name). None where there is nothing to tell.
    """

    def __init__(
        self, message: str, offset: int | None = None, missing: tuple[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.offset = offset
        self.missing = missing


class LineRefused(CurationError):  # noqa: N818 - as above
    """A flag of a document that cannot be changed on a line of its own."""


class ChartRefused(CurationError):  # noqa: N818 - as above
    """Rows of which no picture can be drawn, or no library here that draws it."""


class DocumentError(CurationError):
    """A document that cannot be taken in at all.

    `line` and `column` count from 1 in the file as it lies on disk; None where no place can be named.
    `code` is stable: scripts may test for it. `field` is the path of the field, such as
    `related[3].publishedDateTime`.
    """

    def __init__(
        self,
        code: str,
        message: str,
        line: int | None = None,
        column: int | None = None,
        field: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.line = line
        self.column = column
        self.field = field

    def __reduce__(self) -> tuple[type["DocumentError"], tuple[object, ...]]:
        # Exceptions pickle by `args` alone; parsing may run in another process.
        return (type(self), (self.code, self.message, self.line, self.column, self.field))
