"""What imports and editors did to a store, kept in plain Python beside it: from the files' own front matter
and the decisions, by the rules that the README tells, never from the store's tables."""

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
from curation.editing.undo import revert_changeset
from curation.errors import ImportFailed
from curation.flags import FLAGS
from curation.store.database import Store
from curation.store.schema import articles, changesets, imports

from .importing_helpers import import_folder, undo_one_import
from .rejoined_documents import parsed

#: When the first thing was done; each later one is some hours after the one before.
BEGAN, LATER = dt.datetime(2024, 2, 27, 8, tzinfo=dt.UTC), dt.timedelta(hours=7)
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
    """A document, what was decided on it (by flag: the value and the changeset), whether its file is gone."""

    source: str
    path: str
    fm: dict[str, Any]
    decided: dict[str, tuple[int, Changeset]] = dataclasses.field(default_factory=dict)
    missing: bool = False
    id: int = 0

    def says(self, flag: str) -> int | None:
        value = self.fm.get(flag)
        return None if value is None else int(value)

    def holds(self, flag: str) -> int | None:
        value = self.decided[flag][0] if flag in self.decided else self.says(flag)
        if flag == "published":
            return 0 if self.holds("removed") else 1 if value is None else value
        return value or 0 if flag == "removed" else value

    @property
    def title(self) -> str | None:
        return self.fm.get("title") or self.fm.get("name")

    @property
    def published_at(self) -> str | None:
        moment = self.fm.get("publishedDateTime")
        return moment and text(moment)

    @property
    def provider(self) -> tuple[str | None, str | None]:
        stated = self.fm.get("provider") or {}
        return stated.get("name"), stated.get("domain")

    @property
    def topics(self) -> set[str]:
        return {topic for topic in self.fm.get("topics") or [] if topic}

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
    """An instant as both engines give it."""
    return moment.astimezone(dt.UTC).replace(tzinfo=None).isoformat(" ")


def documents_of(root: Path) -> dict[str, dict[str, Any]]:
    """The front matter of each document by its path, but of the broken one."""
    files = [f for f in root.glob("_*/**/*") if f.suffix in (".md", ".html")]
    paths = {str(f.relative_to(root)): f for f in files}
    return {p: parsed(f) for p, f in paths.items() if p != BROKEN and not p.startswith("_data/")}


@dataclasses.dataclass
class Chronicle:
    """A store, and the same in Python; each method does to both what its name says."""

    store: Store
    articles: dict[tuple[str, str], Article] = dataclasses.field(default_factory=dict)
    changesets: list[Changeset] = dataclasses.field(default_factory=list)
    changes: list[Change] = dataclasses.field(default_factory=list)
    imports: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    roots: dict[str, Path] = dataclasses.field(default_factory=dict)

    @property
    def present(self) -> list[Article]:
        return [article for article in self.articles.values() if not article.missing]

    def take_in(self, source: str, root: Path, *, strict: bool = False) -> Changeset | None:
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
        row["changeset"] = made = self._open("import", "bot")
        self._follow(source, root, row, made)
        row["status"] = "partial" if row["quarantined"] else "succeeded"
        return made

    def _follow(self, source: str, root: Path, row: dict[str, Any], made: Changeset) -> None:
        found = documents_of(root)
        for path, fm in found.items():
            article = self.articles.get((source, path))
            if article is None:
                self.articles[source, path] = Article(source, path, fm)
                row["added"] += 1
                row["open_issues"] += notices(root / path)
                continue
            row["updated" if fm != article.fm else "unchanged"] += 1
            row["open_issues"] += conflict_notices(article, fm)
            with self._changing(made, [article]):
                article.fm = fm
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
        made = self._open("edit", actor, reason)
        with self._changing(made, chosen):
            for article in chosen:
                for flag, value in decisions.items():
                    if article.decided.get(flag, (None,))[0] != value:
                        article.decided[flag] = (value, made)
        return made

    def take_back(self, changeset: Changeset, actor: str) -> None:
        with self.store.writing() as connection:
            revert_changeset(connection, self._id(changesets, changeset), actor=actor)
        made = self._open("revert", actor)
        of_it = [change for change in self.changes if change.changeset is changeset]
        with self._changing(made, [change.article for change in of_it]):
            for change in of_it:
                if change.before != change.after and change.article.decided.get(change.flag) == change.after:
                    change.article.decided.pop(change.flag, None)
                    if change.before:
                        change.article.decided[change.flag] = change.before

    def undo(self, changeset: Changeset, was: dict[str, dict[str, Any]]) -> None:
        """Undoes an import that only changed documents, which were so before."""
        undo_one_import(self.store, self._id(changesets, changeset), actor="ann", reason="a bad dump")
        made = self._open("revert", "ann", "a bad dump")
        row = next(row for row in self.imports if row["changeset"] is changeset)
        row["status"] = "reverted"
        for path, fm in was.items():
            article = self.articles[row["source"], path]
            with self._changing(made, [article]):
                article.fm = fm

    def settle(self) -> None:
        """Gives everything the id that it has in the store, and the store the moments that are told here."""
        with self.store.writing() as connection:
            for number, changeset in enumerate(self.changesets):
                changeset.id = self._id(changesets, changeset)
                moment = BEGAN + number * LATER
                changeset.at = text(moment)
                mine = changesets.c.id == changeset.id
                connection.execute(sa.update(changesets).where(mine).values(created_at=moment))
            ids = connection.scalars(sa.select(imports.c.id).order_by(imports.c.id)).all()
            for number, (row, import_id) in enumerate(zip(self.imports, ids, strict=True)):
                moment = BEGAN + number * 5 * LATER
                row |= {"import": import_id, "started_at": text(moment)}
                mine = imports.c.id == import_id
                connection.execute(sa.update(imports).where(mine).values(started_at=moment))
            by_path = {path: article for (_, path), article in self.articles.items()}
            for article_id, path in connection.execute(sa.select(articles.c.id, articles.c.path)):
                by_path[path].id = article_id

    def _open(self, kind: str, actor: str, reason: str | None = None) -> Changeset:
        self.changesets.append(Changeset(kind, actor, reason))
        return self.changesets[-1]

    def _id(self, table: sa.Table, row: Changeset) -> int:
        with self.store.reading() as connection:
            ids: Sequence[int] = connection.scalars(sa.select(table.c.id).order_by(table.c.id)).all()
        assert len(ids) == len(self.changesets)
        return ids[self.changesets.index(row)]

    def _changing(self, made: Changeset, some: list[Article]) -> _Changing:
        return _Changing(self.changes, made, list(dict.fromkeys(some)))


class _Changing:
    """Notes what differs between what held of some articles before and what holds after."""

    def __init__(self, log: list[Change], made: Changeset, some: list[Article]) -> None:
        self._log, self._made, self._some = log, made, some

    def _standing(self) -> Iterator[tuple[Article, str, int | None, tuple[int, Changeset] | None]]:
        for article in self._some:
            for flag in FLAGS:
                yield article, flag, article.holds(flag), article.decided.get(flag)

    def __enter__(self) -> None:
        self._was = list(self._standing())

    def __exit__(self, *error: object) -> None:
        for (article, flag, old, before), (_, _, new, after) in zip(self._was, self._standing(), strict=True):
            if (old, before) != (new, after):
                self._log.append(Change(self._made, article, flag, old, new, before, after))


def conflict_notices(article: Article, fm: dict[str, Any]) -> int:
    """How many flags upstream now says something else of, which is not what an editor decided."""
    flags = [f for f in article.decided if fm.get(f) is not None and fm.get(f) != article.fm.get(f)]
    return sum(int(fm[flag]) != article.decided[flag][0] for flag in flags)


def notices(file: Path) -> int:
    """What is told of a sound file of these dumps: a byte order mark, and line ends of another kind."""
    content = file.read_bytes()
    return content.startswith(b"\xef\xbb\xbf") + (b"\r\n" in content)


def is_content(file: Path, root: Path) -> bool:
    path = str(file.relative_to(root))
    if path.startswith("_data/"):
        return path.startswith(("_data/organizations/", "_data/topics/"))
    return file.suffix in (".md", ".html")
