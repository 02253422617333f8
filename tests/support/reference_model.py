"""A model in plain Python of what imports and edits do to a store.

It is computed from the front matter of the files and the edits, by the rules of the README, and never from
the tables of the store.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from curation.articles.selecting import Selection
from curation.editing.flags import set_flags
from curation.editing.reverting import revert_changeset
from curation.errors import ImportFailed
from curation.flags import FLAGS
from curation.store.database import Store
from curation.store.schema import articles, changesets, imports

from .importing_helpers import import_folder, revert_one_import
from .rejoined_documents import parsed

#: The time of the first changeset, and the time between two changesets.
START, INTERVAL = dt.datetime(2024, 2, 27, 8, tzinfo=dt.UTC), dt.timedelta(hours=7)
BROKEN = "_news/2020-01-01-broken.md"


@dataclasses.dataclass(eq=False)
class Changeset:
    kind: str
    actor: str
    reason: str | None = None
    at: str = ""
    id: int = 0


@dataclasses.dataclass(eq=False)
class Article:
    """An article with its front matter and its overrides: for each flag the value and the changeset."""

    source: str
    path: str
    front_matter: dict[str, Any]
    overrides: dict[str, tuple[int, Changeset]] = dataclasses.field(default_factory=dict)
    missing: bool = False
    id: int = 0
    #: What upstream stated when an override was made, by flag and changeset.
    seen: dict[tuple[str, Changeset], int | None] = dataclasses.field(default_factory=dict)

    def stated_value(self, flag: str) -> int | None:
        """Return the value that a flag would have without an override and without the veto of `removed`."""
        value = self.upstream_value(flag)
        return {"published": 1, "removed": 0}.get(flag) if value is None else value

    def has_conflict(self, flag: str) -> bool:
        """Return whether upstream has changed a flag since its override, to something else."""
        value, made = self.overrides[flag]
        return self.stated_value(flag) not in (None, value, self.seen[flag, made])

    def upstream_value(self, flag: str) -> int | None:
        value = self.front_matter.get(flag)
        return None if value is None else int(value)

    def effective_value(self, flag: str) -> int | None:
        value = self.overrides[flag][0] if flag in self.overrides else self.upstream_value(flag)
        if flag == "published":
            return 0 if self.effective_value("removed") else 1 if value is None else value
        return value or 0 if flag == "removed" else value

    @property
    def title(self) -> str | None:
        return self.front_matter.get("title") or self.front_matter.get("name")

    @property
    def published_at(self) -> str | None:
        moment = self.front_matter.get("publishedDateTime")
        return moment and text(moment)

    @property
    def provider(self) -> tuple[str | None, str | None]:
        stated = self.front_matter.get("provider") or {}
        return stated.get("name"), stated.get("domain")

    @property
    def topics(self) -> set[str]:
        return {topic for topic in self.front_matter.get("topics") or [] if topic}

    @property
    def collection(self) -> str:
        return "/".join(part.removeprefix("_") for part in self.path.split("/")[:-1])


@dataclasses.dataclass(eq=False)
class Change:
    changeset: Changeset
    article: Article
    flag: str
    old: int | None
    new: int | None
    before: tuple[int, Changeset] | None
    after: tuple[int, Changeset] | None


def text(moment: dt.datetime) -> str:
    """Return an instant in the form that both engines return."""
    return moment.astimezone(dt.UTC).replace(tzinfo=None).isoformat(" ")


def documents_of(root: Path) -> dict[str, dict[str, Any]]:
    """Return the front matter of each document by its path, without the broken one."""
    files = [f for f in root.glob("_*/**/*") if f.suffix in (".md", ".html")]
    paths = {str(f.relative_to(root)): f for f in files}
    return {p: parsed(f) for p, f in paths.items() if p != BROKEN and not p.startswith("_data/")}


@dataclasses.dataclass
class ReferenceModel:
    """A store and its model; each method changes both in the same way."""

    store: Store
    articles: dict[tuple[str, str], Article] = dataclasses.field(default_factory=dict)
    changesets: list[Changeset] = dataclasses.field(default_factory=list)
    changes: list[Change] = dataclasses.field(default_factory=list)
    imports: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    roots: dict[str, Path] = dataclasses.field(default_factory=dict)

    @property
    def present(self) -> list[Article]:
        return [article for article in self.articles.values() if not article.missing]

    def import_dump(self, source: str, root: Path, *, strict: bool = False) -> Changeset | None:
        self.roots[source] = root
        row: dict[str, Any] = {
            "source": source,
            "status": "failed",
            "location": str(root),
            "changeset": None,
        } | dict.fromkeys(
            ("added", "updated", "moved", "unchanged", "missing", "skipped", "quarantined", "open_issues"), 0
        )
        self.imports.append(row)
        if strict:
            with pytest.raises(ImportFailed):
                import_folder(self.store, root, source=source, actor="bot", strict=True)
            return None
        import_folder(self.store, root, source=source, actor="bot")
        row["changeset"] = changeset = self._add_changeset("import", "bot")
        self._update(source, root, row, changeset)
        row["status"] = "partial" if row["quarantined"] else "succeeded"
        return changeset

    def _update(self, source: str, root: Path, row: dict[str, Any], changeset: Changeset) -> None:
        found = documents_of(root)
        for path, front_matter in found.items():
            article = self.articles.get((source, path))
            if article is None:
                self.articles[source, path] = Article(source, path, front_matter)
                row["added"] += 1
                row["open_issues"] += notices(root / path)
                continue
            row["updated" if front_matter != article.front_matter else "unchanged"] += 1
            before = conflict_count(article)
            with self._recording(changeset, [article]):
                article.front_matter = front_matter
            row["open_issues"] += conflict_count(article) - before
        for article in self.articles.values():
            if article.source == source and article.path not in found and not article.missing:
                article.missing = True
                row["missing"] += 1
        row["quarantined"] = int((root / BROKEN).exists())
        row["open_issues"] += row["quarantined"]
        row["skipped"] = sum(1 for f in root.glob("_*/**/*") if f.is_file() and not is_content(f, root))

    def decide(
        self, paths: Iterable[str], actor: str, reason: str | None = None, **decisions: int
    ) -> Changeset:
        chosen = [self.articles["dump", path] for path in paths]
        with self.store.writing() as connection:
            selection = Selection([article.path for article in chosen])
            set_flags(connection, selection, decisions, actor=actor, reason=reason)
        changeset = self._add_changeset("edit", actor, reason)
        with self._recording(changeset, chosen):
            for article in chosen:
                for flag, value in decisions.items():
                    article.seen[flag, changeset] = article.stated_value(flag)
                    if flag not in article.overrides or article.overrides[flag][0] != value:
                        article.overrides[flag] = (value, changeset)
        return changeset

    def revert(self, changeset: Changeset, actor: str) -> None:
        with self.store.writing() as connection:
            revert_changeset(connection, self._id(changesets, changeset), actor=actor)
        revert = self._add_changeset("revert", actor)
        own_changes = [change for change in self.changes if change.changeset is changeset]
        with self._recording(revert, [change.article for change in own_changes]):
            for change in own_changes:
                if (
                    change.before != change.after
                    and change.article.overrides.get(change.flag) == change.after
                ):
                    change.article.overrides.pop(change.flag, None)
                    if change.before:
                        change.article.overrides[change.flag] = change.before

    def revert_import(self, changeset: Changeset, was: dict[str, dict[str, Any]]) -> None:
        """Revert an import that only changed documents; `was` has their earlier front matter."""
        revert_one_import(self.store, self._id(changesets, changeset), actor="ann", reason="a bad dump")
        revert = self._add_changeset("revert", "ann", "a bad dump")
        row = next(row for row in self.imports if row["changeset"] is changeset)
        row["status"] = "reverted"
        for path, front_matter in was.items():
            article = self.articles[row["source"], path]
            with self._recording(revert, [article]):
                article.front_matter = front_matter

    def copy_ids_and_times(self) -> None:
        """Copy the ids of the store to the model, and the times of the model to the store."""
        with self.store.writing() as connection:
            for number, changeset in enumerate(self.changesets):
                changeset.id = self._id(changesets, changeset)
                moment = START + number * INTERVAL
                changeset.at = text(moment)
                is_this = changesets.c.id == changeset.id
                connection.execute(sa.update(changesets).where(is_this).values(created_at=moment))
            ids = connection.scalars(sa.select(imports.c.id).order_by(imports.c.id)).all()
            for number, (row, import_id) in enumerate(zip(self.imports, ids, strict=True)):
                moment = START + number * 5 * INTERVAL
                row |= {"import": import_id, "started_at": text(moment)}
                is_this = imports.c.id == import_id
                connection.execute(sa.update(imports).where(is_this).values(started_at=moment))
            by_path = {path: article for (_, path), article in self.articles.items()}
            for article_id, path in connection.execute(sa.select(articles.c.id, articles.c.path)):
                by_path[path].id = article_id

    def _add_changeset(self, kind: str, actor: str, reason: str | None = None) -> Changeset:
        self.changesets.append(Changeset(kind, actor, reason))
        return self.changesets[-1]

    def _id(self, table: sa.Table, row: Changeset) -> int:
        with self.store.reading() as connection:
            ids: Sequence[int] = connection.scalars(sa.select(table.c.id).order_by(table.c.id)).all()
        assert len(ids) == len(self.changesets)
        return ids[self.changesets.index(row)]

    def _recording(self, changeset: Changeset, chosen: list[Article]) -> _ChangeRecorder:
        return _ChangeRecorder(self.changes, changeset, list(dict.fromkeys(chosen)))


class _ChangeRecorder:
    """A context manager that records the changes of flags of some articles."""

    def __init__(self, log: list[Change], changeset: Changeset, chosen: list[Article]) -> None:
        self._log, self._changeset, self._articles = log, changeset, chosen

    def _values(self) -> Iterator[tuple[Article, str, int | None, tuple[int, Changeset] | None]]:
        for article in self._articles:
            for flag in FLAGS:
                yield article, flag, article.effective_value(flag), article.overrides.get(flag)

    def __enter__(self) -> None:
        self._before = list(self._values())

    def __exit__(self, *error: object) -> None:
        for (article, flag, old, before), (_, _, new, after) in zip(
            self._before, self._values(), strict=True
        ):
            if (old, before) != (new, after):
                self._log.append(Change(self._changeset, article, flag, old, new, before, after))


def conflict_count(article: Article) -> int:
    """Return how many overrides of an article are in conflict; none if it is removed."""
    return 0 if article.effective_value("removed") else sum(map(article.has_conflict, article.overrides))


def notices(file: Path) -> int:
    """Return how many notices a valid file of these dumps has: a byte order mark, and CRLF line ends."""
    content = file.read_bytes()
    return content.startswith(b"\xef\xbb\xbf") + (b"\r\n" in content)


def is_content(file: Path, root: Path) -> bool:
    path = str(file.relative_to(root))
    if path.startswith("_data/"):
        return path.startswith(("_data/organizations/", "_data/topics/"))
    return file.suffix in (".md", ".html")
