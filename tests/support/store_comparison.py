"""Whether a store that was brought up to date is as one that was filled at once, on every table.

`differences(store, fresh)`: `store` has been through several imports, `fresh` through one, of what the
last of them saw. They are to be equal but for what the contract keeps:

- ids: rows are known by what they are (`KEYS`), and so is whatever refers to them
- history (`HISTORY`), and which import was the first and the last to touch a row
- decisions: overrides, and the effective values that they cause, no others
- issues that are mended, and notices about decisions
- articles and taxonomy whose files are gone (missing) or broken (kept as they were), with the rows that
  these alone refer to; a file that was a document and is none any more is broken, and to a fresh store none
- links and items that name such an article, where the fresh store has none to name

`disagreements(store, model)`: whether of every article the decisions, standing and set aside, what holds by
them, and the notices that are open or ever were, are as a model (`upstream.Model`) has them.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import sqlalchemy as sa

from curation.flags import FLAGS, is_about_flag
from curation.importing.merging.rules import OVERRIDE_CODES
from curation.importing.records.issues import shorten_message
from curation.store.database import Store
from curation.store.schema import (
    articles,
    changesets,
    import_issues,
    metadata,
    overrides,
    set_aside_overrides,
)

from .upstream_changes import Kept, Model

Row = dict[str, Any]
Key = tuple[Any, ...]

#: What each row is known by: columns, in which a reference stands for what its row is known by.
KEYS: dict[str, tuple[str, ...]] = {
    "sources": ("name",),
    "source_settings": ("source_id", "name", "origin"),
    "files": ("source_id", "path"),
    "import_issues": ("source_id", "path", "code", "field"),
    "providers": ("name", "domain"),
    "provider_aliases": ("provider_id", "position"),
    "provider_images": ("provider_id", "position"),
    "topics": ("name",),
    "images": ("url",),
    "articles": ("source_id", "path"),
    "documents": ("article_id",),
    "article_topics": ("article_id", "position"),
    "article_images": ("article_id", "position"),
    "article_authors": ("article_id", "position"),
    "related_links": ("article_id", "position"),
    "related_link_images": ("related_link_id", "position"),
    "collection_items": ("article_id", "position"),
    "taxonomy_documents": ("source_id", "path"),
}

#: What only a store that has been through something has.
HISTORY = {
    "imports",
    "article_moves",
    "file_versions",
    "outdated_articles",
    "changesets",
    "changes",
    "overrides",
    "set_aside_overrides",
    "search_queue",
    "story_takeovers",
    "former_stories",
    "units_of_work",
}

#: What is shared, and goes with its last user.
SHARED = ("providers", "topics", "images")


def differences(store: Store, fresh: Store) -> list[str]:
    """In what a store that was brought up to date differs from one that was filled at once, but for what
    the contract keeps; one line each."""
    unknown = metadata.tables.keys() ^ (KEYS.keys() | HISTORY)
    assert not unknown, f"tests/likeness.py does not know the tables {sorted(unknown)}"
    return list(_Comparison(_Content(store), _Content(fresh)).found())


class _Content:
    """All rows of a store but for history, by what they are known by, each with its references as that."""

    def __init__(self, store: Store) -> None:
        self.rows: dict[str, dict[Key, Row]] = {}
        self.twice: list[tuple[str, Key]] = []
        self._keys: dict[str, dict[int, Key]] = {}
        self.overrides: dict[Key, Row] = {}
        with store.reading() as connection:
            for table in metadata.sorted_tables:
                if table.name in KEYS:
                    self._read(connection, table)
            for article_id, flag, value in connection.execute(sa.text(_OVERRIDES)):
                self.overrides.setdefault(self._keys["articles"][article_id], {})[flag] = value

    def _read(self, connection: sa.Connection, table: sa.Table) -> None:
        rows, keys = self.rows.setdefault(table.name, {}), self._keys.setdefault(table.name, {})
        found = [row._asdict() for row in connection.execute(sa.select(table))]
        if table.name == "import_issues":
            found = [r for r in found if r["resolved_import_id"] is None and r["code"] not in OVERRIDE_CODES]
        if table.name == "topics":  # they refer to each other
            keys |= {row["id"]: (row["name"],) for row in found}
        columns = [column for column in table.c if column.name != "id" and not _refers_to(column) & HISTORY]
        for row in found:
            plain = {column.name: self._plain(column, row[column.name]) for column in columns}
            key = tuple(plain[name] for name in KEYS[table.name])
            if key in rows:
                self.twice.append((table.name, key))
            rows[key] = plain
            keys[row.get("id", 0)] = key

    def _plain(self, column: sa.Column[Any], value: Any) -> Any:
        if value is not None and column.foreign_keys:
            [name] = _refers_to(column)
            return self._keys[name][value]
        if isinstance(value, memoryview):
            return bytes(value)
        # The order of keys is part of what upstream wrote.
        return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value


_OVERRIDES = "SELECT article_id, field, value FROM overrides"


@cache
def _refers_to(column: sa.Column[Any]) -> frozenset[str]:
    """The table whose rows a column refers to, if it does."""
    return frozenset(reference.column.table.name for reference in column.foreign_keys)


def _owner(name: str, key: Key) -> Key:
    """The article, or whatever a row is a part of; itself where it is a part of nothing."""
    while name not in ("articles", "taxonomy_documents"):
        column = metadata.tables[name].c[KEYS[name][0]]
        if not column.foreign_keys:
            break
        [reference] = column.foreign_keys
        name, above = reference.column.table.name, key[0]
        if name == "sources":
            break
        key = above
    return key


class _Comparison:
    def __init__(self, store: _Content, fresh: _Content) -> None:
        self.store, self.fresh = store, fresh
        self.refused = {key for key, row in store.rows["files"].items() if row["state"] == "quarantined"}
        documents = store.rows["articles"] | store.rows["taxonomy_documents"]
        #: What is kept though the dump has it not, or not whole.
        self.kept = {key for key, row in documents.items() if row["missing_since"] or key in self.refused}
        self.used: dict[str, set[Key]] = {name: set(self._used(name, self.kept)) for name in SHARED}
        self.told: dict[str, set[Key]] = {
            name: set(self._used(name, self.kept & self.refused)) for name in SHARED
        }
        # Another document about a provider shows other images than the broken one that is kept.
        for content in (store, fresh):
            shown = content.rows["provider_images"].items()
            self.told["images"] |= {row["image_id"] for use, row in shown if use[0] in self.told["providers"]}
        self.effective = {
            key: _take_effective(store, key, row) for key, row in store.rows["articles"].items()
        }
        for key, row in fresh.rows["articles"].items():
            _take_effective(fresh, key, row)

    def _used(self, name: str, owners: set[Key]) -> Iterator[Key]:
        """The providers, topics or images that these documents refer to; a topic's parents with it."""
        for table in metadata.sorted_tables:
            if table.name not in KEYS or table.name in SHARED:
                continue
            for column in table.c:
                if name in _refers_to(column):
                    for key, row in self.store.rows[table.name].items():
                        if row[column.name] is not None and (
                            _owner(table.name, key) in owners
                            or (table.name == "provider_images" and key[0] in self._described(owners))
                        ):
                            yield from self._with_parents(name, row[column.name])

    def _described(self, owners: set[Key]) -> set[Key]:
        """The providers that broken taxonomy still describes."""
        notes = self.store.rows["taxonomy_documents"]
        return {notes[key]["provider_id"] for key in owners & self.refused if key in notes} - {None}

    def _with_parents(self, name: str, key: Key | None) -> Iterator[Key]:
        seen: set[Key] = set()  # topics may be above each other in a circle
        while key is not None and key not in seen:
            seen.add(key)
            yield key
            key = self.store.rows["topics"][key]["parent_id"] if name == "topics" else None

    def found(self) -> Iterator[str]:
        for content, which in ((self.store, "the store"), (self.fresh, "the fresh store")):
            for name, key in content.twice:
                yield f"{name}: {key} stands twice in {which}"
        for key, wrong in self.effective.items():
            for flag, told in wrong.items():
                yield f"articles: {key}: {flag} is {told}"
        for name in KEYS:
            yield from self._in_table(name)

    def _in_table(self, name: str) -> Iterator[str]:
        ours, theirs = self.store.rows[name], self.fresh.rows[name]
        for key in theirs.keys() - ours.keys():
            is_told = self._is_told(name, key) if name in _TOLD else self._is_of_told(name, key)
            if not is_told:
                yield f"{name}: {key} is missing"
        for key in ours.keys() - theirs.keys():
            if not self._may_stay(name, key, ours[key]):
                yield f"{name}: {key} is left over: {_short(ours[key])}"
        for key in ours.keys() & theirs.keys():
            ours_, theirs_ = ours[key], theirs[key]
            for column in ours_:
                if ours_[column] != theirs_[column] and not self._may_differ(name, key, column):
                    yield f"{name}: {key}: {column}: {_short(ours_[column])} is not {_short(theirs_[column])}"

    def _may_stay(self, name: str, key: Key, row: Row) -> bool:
        """Whether a row that the fresh store has not is one that the contract keeps."""
        if name in SHARED:
            return key in self.used[name] and (key in self.told[name] or _says_nothing(name, row))
        if name in _TOLD:
            return self._is_told(name, key)
        if name == "import_issues":
            # What was said of the version that the store keeps stands.
            is_about_kept = row["severity"] != "error" or row["code"] == "no_opening_fence"
            is_about_kept |= is_about_flag(row["code"], row["field"])
            return key[0:2] in self.refused and key[0:2] in self.kept and is_about_kept
        return _owner(name, key) in self.kept

    def _is_told(self, name: str, key: Key) -> bool:
        return key[0] in self.told["providers"]

    def _is_of_told(self, name: str, key: Key) -> bool:
        """Whether a topic is above another, or an image a provider's, by one document alone, where by a broken
        one another is."""
        if name == "topics":
            topics = self.fresh.rows["topics"]
            return any(topics[child]["parent_id"] == key for child in self.told["topics"] & topics.keys())
        shown = self.fresh.rows["provider_images"] if name == "images" else {}
        return any(row["image_id"] == key and self._is_told(name, use) for use, row in shown.items())

    def _may_differ(self, name: str, key: Key, column: str) -> bool:
        """Whether the contract lets a column differ from the fresh store's."""
        ours, theirs = self.store.rows[name][key][column], self.fresh.rows[name][key][column]
        if column in ("target_id", "item_id"):
            return ours in self.kept and (theirs is None or ours in self.refused)
        is_of_flags = column.removeprefix("upstream_") in (*FLAGS, "status")
        if name == "articles" and is_of_flags and self._has_unclear_flags(key):
            return True  # it is what it was before, and the fresh store knows of no before
        if name == "files" and column == "state" and self._has_lost_its_fence(key):
            return (ours, theirs) == ("quarantined", "skipped")
        if name == "files" and column == "stamp":
            return ours is None or theirs is None  # learnt once the file is older than the clock's grain
        if name in ("article_images", "related_link_images") and column == "extra":
            return self._same_use(name, key)
        if name in _TOLD:
            return self._is_told(name, key)
        return name in SHARED and key in self.told[name]

    def _has_unclear_flags(self, key: Key) -> bool:
        issues = self.store.rows["import_issues"]
        return any(issue[:2] == key and is_about_flag(*issue[2:]) for issue in issues)

    def _has_lost_its_fence(self, key: Key) -> bool:
        return (*key, "no_opening_fence", None) in self.store.rows["import_issues"]

    def _same_use(self, name: str, key: Key) -> bool:
        """Whether an article says the same of an image, of which a broken file says something else."""
        ours, theirs = self.store.rows[name][key], self.fresh.rows[name][key]
        url = ours["image_id"]
        return url in self.told["images"] and _said(self.store, url, ours) == _said(self.fresh, url, theirs)


#: What taxonomy tells of providers.
_TOLD = ("provider_aliases", "provider_images")

_FACTS = {"width": "width", "height": "height", "isCached": "is_cached", "title": "title"}


def _said(content: _Content, url: Key, use: Row) -> Row:
    if use["extra"] is not None:
        return {k: v for k, v in json.loads(use["extra"]).items() if k in _FACTS and v is not None}
    row = content.rows["images"][url]
    return {k: row[column] for k, column in _FACTS.items() if row[column] is not None}


def _says_nothing(name: str, row: Row) -> bool:
    """Whether what only missing documents refer to is as if no taxonomy described it."""
    typed_null: Iterable[str] = {"providers": ("description",), "topics": ("slug", "parent_id")}.get(name, ())
    return all(row[column] is None for column in typed_null)


def _take_effective(content: _Content, key: Key, row: Row) -> Row:
    """Takes the effective flags out of an article's row; returns those that its decisions and upstream do
    not account for."""
    decided = content.overrides.get(key, {})
    said = {flag: row[f"upstream_{flag}"] for flag in FLAGS} | decided
    removed = bool(said["removed"])
    published = said["published"] is None or bool(said["published"])
    due = {"quality": said["quality"], "heat": said["heat"], "published": published and not removed}
    due |= {"removed": removed}
    found = {flag: row.pop(flag) for flag in FLAGS}
    return {flag: f"{found[flag]!r}, not {due[flag]!r}" for flag in FLAGS if found[flag] != due[flag]}


def _short(value: object) -> str:
    told = repr(value)
    return told if len(told) <= 160 else f"{told[:80]}…{told[-79:]}"


def tables(found: Iterable[str]) -> Counter[str]:
    """How many differences each table has."""
    return Counter(line.partition(":")[0] for line in found)


def disagreements(store: Store, model: Model) -> list[str]:
    """On what the store and the model do not agree, one line each."""
    found = _found(store)
    lines = []
    for path in found.keys() | model.pieces.keys():
        piece = model.pieces[path]
        due = (
            piece.effective,
            piece.missing,
            {kept.bare for kept in piece.decided.values()},
            Counter(kept.bare for kept in piece.aside),
            {key: shorten_message(told) for key, told in piece.notices.items()},
        )
        names = ("effective", "missing", "overrides", "set aside", "notices")
        for name, ours, theirs in zip(names, found[path], due, strict=True):
            if ours != theirs:
                lines.append(f"{path}: {name}: the store has {ours}, the model {theirs}")
    table = import_issues.c
    given = rows(store, sa.select(table.path, table.code, table.field).where(table.code.in_(OVERRIDE_CODES)))
    lines += [
        f"given: {key}"
        for key in _apart(Counter((path, code, flag or "") for path, code, flag in given), model.given)
    ]
    return lines


def _apart(ours: Counter[Any], theirs: Counter[Any]) -> list[Any]:
    return [(key, ours[key], theirs[key]) for key in ours | theirs if ours[key] != theirs[key]]


def _found(store: Store) -> dict[str, tuple[Any, ...]]:
    """Of each article of a store what the model has of it."""
    a, o, s, i = articles.c, overrides.c, set_aside_overrides.c, import_issues.c
    found: dict[str, tuple[Any, ...]] = {}
    flags = sa.select(a.path, a.missing_since, *(a[flag] for flag in FLAGS))
    for path, since, *values in rows(store, flags):
        found[_plain(path)] = (tuple(values), since is not None, set(), Counter(), {})
    by = sa.join(overrides, changesets, changesets.c.id == o.changeset_id).join(
        articles, a.id == o.article_id
    )
    for path, *kept in rows(store, sa.select(a.path, o.field, o.value, changesets.c.actor).select_from(by)):
        found[_plain(path)][2].add(Kept(*kept))
    by = sa.join(set_aside_overrides, changesets).join(articles, a.id == s.article_id)
    columns = (a.path, s.field, s.value, changesets.c.actor, s.title, s.canonical_digest)
    for path, flag, value, actor, title, digest in rows(store, sa.select(*columns).select_from(by)):
        found[_plain(path)][3][Kept(flag, value, actor, title, digest and bytes(digest))] += 1
    wanted = sa.select(i.path, i.code, i.field, i.message).where(
        i.code.in_(OVERRIDE_CODES), i.resolved_import_id.is_(None)
    )
    for path, code, flag, message in rows(store, wanted):
        found[path][4][code, flag or ""] = message
    return found


def _plain(path: str) -> str:
    """A path as the model has it: that of an article which another one pushed out tells its id."""
    return re.sub(r"~\d+$", "~", path)


def rows(store: Store, query: Any) -> list[Any]:
    with store.reading() as connection:
        return list(connection.execute(query).all())


def count(store: Store, table: sa.Table, *conditions: Any) -> int:
    found: int = rows(store, sa.select(sa.func.count()).select_from(table).where(*conditions))[0][0]
    return found
