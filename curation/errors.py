"""The errors that users see.

Each has a one-line message that states what is wrong and, where possible, the next command. Only
`curation.cli` catches them: it prints the message and exits.
"""


class CurationError(Exception):
    """A problem that the user can understand and fix; printed as one line, never as a traceback."""


class UsageError(CurationError):
    """Invalid input that no state of the store could make valid; the exit status is 2."""


class StoreError(CurationError):
    """The store cannot be opened, has another schema than this release, or is busy."""


class StoreReadOnly(StoreError):  # noqa: N818 - it describes a state of the store, not a mistake
    """The store cannot be written to."""


class OutcomeUnknown(StoreError):  # noqa: N818 - not an error of the store: its answer is missing
    """The answer to COMMIT was lost, and the store cannot be asked for the outcome."""


class SelectionError(CurationError):
    """A reference or a filter matches no article, or more than one where exactly one is required."""


class ImportFailed(CurationError):  # noqa: N818 - the message reads "import failed: ..."
    """An import could not be started or finished. What it had committed is consistent."""


class EditRefused(CurationError):  # noqa: N818 - the edit is refused
    """An edit that the rules forbid, such as publishing a removed article."""


class QueryRefused(CurationError):  # noqa: N818 - as above
    """SQL that the read-only guard or the engine did not run.

    Attributes:
        offset: the position of the problem in the query, in characters from its start; None if unknown.
        missing: what does not exist, as ("table", name) or ("column", name); None otherwise.
    """

    def __init__(
        self, message: str, offset: int | None = None, missing: tuple[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.offset = offset
        self.missing = missing


class FlagEditError(CurationError):
    """A flag in a document that cannot be changed without changing other lines."""


class ChartRefused(CurationError):  # noqa: N818 - as above
    """Rows that no chart can show, or a chart whose library is not installed."""


class DocumentError(CurationError):
    """A document that cannot be imported.

    Attributes:
        code: a stable code that scripts may test for.
        message: what is wrong, without the position.
        line: the line in the file, from 1; None if there is no position.
        column: the column, from 1; None if there is no position.
        field: the path of the field, such as `related[3].publishedDateTime`; None if it is about no field.
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
        # By default, exceptions pickle only `args`. Parsing may run in another process.
        return (type(self), (self.code, self.message, self.line, self.column, self.field))
