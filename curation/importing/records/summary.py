"""What an import is asked to do, and what it did."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field

from ...scanning import File, Kind

#: What an import's row counts.
_COUNTS = ("added", "updated", "unchanged", "missing", "skipped", "quarantined", "moved")

#: Called with the number of files done, of all.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Options:
    """How to import. `jobs` processes read (None: one a core), unless `executor` is given; `full` reads every
    file; `strict` keeps nothing if there is any issue; `dry_run` keeps nothing at all. `new_source`:
    what looks like another source's articles is kept apart from them."""

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
    """How many articles an import changed a flag of, by what it became."""

    field: str
    articles: int
    raised: int
    lowered: int


@dataclass(slots=True)
class Summary:
    """What an import did, in articles (taxonomy is counted apart) and files.

    doubtful: files that were imported, and that an editor must look at: a flag cannot be read, it is not
        certain which article they are, or a veto was about another story.
    without_fence: files that could be content, and are skipped since they have no front matter.
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
    doubtful: int = 0
    taxonomy: int = 0
    changeset_id: int | None = None
    without_fence: list[str] = field(default_factory=list)
    flags: list[FlagChanges] = field(default_factory=list)

    @property
    def status(self) -> str:
        return "partial" if self.quarantined or self.doubtful else "succeeded"

    @contextmanager
    def counting(self) -> Iterator[None]:
        """What is counted within holds only if it ends well: a batch that is not kept is not counted."""
        before = {name: getattr(self, name) for name in _COUNTS}
        try:
            yield
        except BaseException:
            for name, count in before.items():
                setattr(self, name, count)
            raise

    def count(self, state: str, file: File, *, is_new: bool, is_changed: bool) -> None:
        """Counts a file by what became of it (a state of `files`)."""
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
        """Whether any article is otherwise than before."""
        return bool(self.added or self.updated or self.moved or self.missing)

    @property
    def counts(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in _COUNTS}
