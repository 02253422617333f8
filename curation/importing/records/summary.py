"""The options and the summary of an import."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field

from ...progress import Progress
from ...scanning import File, Kind

#: The counts in an import's row.
_COUNTS = ("added", "updated", "unchanged", "missing", "skipped", "quarantined", "moved")


@dataclass(frozen=True, slots=True)
class Options:
    """Options of an import.

    actor: name of the person or program that imports.
    jobs: number of processes that read files; None for one per core. Unused if `executor` is given.
    full: read every file, even if it seems unchanged.
    strict: keep nothing if there is any issue.
    dry_run: keep nothing in any case.
    new_source: import as a new source, even if the articles look like those of another source.
    progress: called after each batch.
    """

    actor: str
    jobs: int | None = 1
    executor: Executor | None = None
    full: bool = False
    strict: bool = False
    dry_run: bool = False
    new_source: bool = False
    progress: Progress | None = None


@dataclass(frozen=True, slots=True)
class FlagChanges:
    """The number of articles of which an import changed, raised or lowered a flag."""

    field: str
    articles: int
    raised: int
    lowered: int


@dataclass(slots=True)
class Summary:
    """The result of an import, as numbers of articles and files. Taxonomy is counted separately.

    to_review: number of files that were imported and that an editor must review. A flag cannot be read, it is
        unclear which article the file is, or a veto was for another story.
    without_fence: paths of files that are skipped because they have no front matter.
    """

    source: str
    import_id: int = 0
    added: int = 0
    updated: int = 0
    moved: int = 0
    unchanged: int = 0
    missing: int = 0
    skipped: int = 0
    quarantined: int = 0
    to_review: int = 0
    taxonomy: int = 0
    changeset_id: int | None = None
    without_fence: list[str] = field(default_factory=list)
    flags: list[FlagChanges] = field(default_factory=list)

    @property
    def status(self) -> str:
        return "partial" if self.quarantined or self.to_review else "succeeded"

    @contextmanager
    def roll_back_on_error(self) -> Iterator[None]:
        """Restore the counts if the block fails, because its batch is rolled back too."""
        before = {name: getattr(self, name) for name in _COUNTS}
        try:
            yield
        except BaseException:
            for name, count in before.items():
                setattr(self, name, count)
            raise

    def count(self, state: str, file: File, *, is_new: bool, is_changed: bool) -> None:
        """Count a file by its state in `files`."""
        if state == "quarantined":
            self.quarantined += 1
        elif state == "skipped":
            self.skipped += 1
            self.without_fence.append(file.path)
        elif file.kind is not Kind.ARTICLE:
            self.taxonomy += 1
        elif is_new:
            self.added += 1
        elif is_changed:
            self.updated += 1
        else:
            self.unchanged += 1

    @property
    def has_changed(self) -> bool:
        """Whether any article has changed."""
        return bool(self.added or self.updated or self.moved or self.missing)

    @property
    def counts(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in _COUNTS}
