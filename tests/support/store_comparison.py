"""Compare a store after several imports with a fresh store, in every table.

`differences(store, fresh)`: `store` has had several imports, `fresh` has had one, of the last dump. They must
be equal, except for what the contract keeps:

- ids: rows are identified by their contents (`KEYS`), and so are references to them
- history (`HISTORY`), and the first and the last import of a row
- overrides, and effective values that follow from them
- resolved issues, and notices about overrides
- articles and taxonomy whose files are missing or broken, with the rows that only these refer to; a file that
  was a document and is not one any more is broken, but the fresh store skips it
- links and items that refer to such an article, which the fresh store does not have

`disagreements(store, model)` compares the overrides, the effective values and the notices of every article
with those of a model (`upstream_changes.Model`).
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
from curation.importing.merging.override_rules import OVERRIDE_CODES
from curation.importing.records.issue_tracker import shorten_message
from curation.store.database import Store
from curation.store.schema import (
    articles,
    changesets,
    import_issues,
    metadata,
    overrides,
    set_aside_overrides,
)

from .upstream_changes import Model, Override

Row = dict[str, Any]
Key = tuple[Any, ...]

#: The columns that identify the rows of each table. A reference is replaced by the key of its row.
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

#: Tables with history, which a fresh store does not have.
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
    "reviews",
    "review_items",  # `db verify` compares them with the rest
}

#: Tables of shared rows, which are deleted with their last user.
SHARED = ("providers", "topics", "images")


def differences(store: Store, fresh: Store) -> list[str]:
    """Return how a store differs from a fresh one, apart from what the contract keeps; one line each."""
    unknown = metadata.tables.keys() ^ (KEYS.keys() | HISTORY)
    assert not unknown, f"store_comparison.py does not know the tables {sorted(unknown)}"
    return list(_Comparison(_Content(store), _Content(fresh)).found())


class _Content:
    """All rows of a store except history, by their keys, with references replaced by keys."""

    def __init__(self, store: Store) -> None:
        self.rows: dict[str, dict[Key, Row]] = {}
        self.duplicates: list[tuple[str, Key]] = []
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
        if table.name == "topics":  # topics refer to each other
            keys |= {row["id"]: (row["name"],) for row in found}
        columns = [column for column in table.c if column.name != "id" and not _refers_to(column) & HISTORY]
        for row in found:
            plain = {column.name: self._plain(column, row[column.name]) for column in columns}
            key = tuple(plain[name] for name in KEYS[table.name])
            if key in rows:
                self.duplicates.append((table.name, key))
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
    """Return the names of the tables that a column refers to: one or none."""
    return frozenset(reference.column.table.name for reference in column.foreign_keys)


def _owner(name: str, key: Key) -> Key:
    """Return the key of the row that a row is a part of, such as its article, or its own key."""
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
        #: Documents that the store keeps although their files are missing or broken.
        self.kept = {key for key, row in documents.items() if row["missing_since"] or key in self.refused}
        self.used: dict[str, set[Key]] = {name: set(self._used(name, self.kept)) for name in SHARED}
        self.used_by_broken: dict[str, set[Key]] = {
            name: set(self._used(name, self.kept & self.refused)) for name in SHARED
        }
        # Another document about a provider may show other images than the broken one that is kept.
        for content in (store, fresh):
            shown = content.rows["provider_images"].items()
            self.used_by_broken["images"] |= {
                row["image_id"] for use, row in shown if use[0] in self.used_by_broken["providers"]
            }
        self.effective = {key: _pop_effective(store, key, row) for key, row in store.rows["articles"].items()}
        for key, row in fresh.rows["articles"].items():
            _pop_effective(fresh, key, row)

    def _used(self, name: str, owners: set[Key]) -> Iterator[Key]:
        """Yield the providers, topics (with their parents) or images that some documents refer to."""
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
        """Return the providers that broken taxonomy documents still describe."""
        notes = self.store.rows["taxonomy_documents"]
        return {notes[key]["provider_id"] for key in owners & self.refused if key in notes} - {None}

    def _with_parents(self, name: str, key: Key | None) -> Iterator[Key]:
        seen: set[Key] = set()  # the parents of topics may form a circle
        while key is not None and key not in seen:
            seen.add(key)
            yield key
            key = self.store.rows["topics"][key]["parent_id"] if name == "topics" else None

    def found(self) -> Iterator[str]:
        for content, which in ((self.store, "the store"), (self.fresh, "the fresh store")):
            for name, key in content.duplicates:
                yield f"{name}: {key} is twice in {which}"
        for key, wrong in self.effective.items():
            for flag, values in wrong.items():
                yield f"articles: {key}: {flag} is {values}"
        for name in KEYS:
            yield from self._in_table(name)

    def _in_table(self, name: str) -> Iterator[str]:
        ours, theirs = self.store.rows[name], self.fresh.rows[name]
        for key in theirs.keys() - ours.keys():
            is_expected = (
                self._is_of_broken_provider(name, key)
                if name in _PROVIDER_TABLES
                else self._is_of_broken_document(name, key)
            )
            if not is_expected:
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
        """Return whether the contract keeps a row that the fresh store does not have."""
        if name in SHARED:
            return key in self.used[name] and (key in self.used_by_broken[name] or _is_undescribed(name, row))
        if name in _PROVIDER_TABLES:
            return self._is_of_broken_provider(name, key)
        if name == "import_issues":
            # Issues of the version that the store keeps stay open.
            is_about_kept = row["severity"] != "error" or row["code"] == "no_opening_fence"
            is_about_kept |= is_about_flag(row["code"], row["field"])
            return key[0:2] in self.refused and key[0:2] in self.kept and is_about_kept
        return _owner(name, key) in self.kept

    def _is_of_broken_provider(self, name: str, key: Key) -> bool:
        return key[0] in self.used_by_broken["providers"]

    def _is_of_broken_document(self, name: str, key: Key) -> bool:
        """Return whether only the fresh store needs a topic or an image, in place of a broken document's.

        A topic is the parent of another topic, and an image belongs to a provider.
        """
        if name == "topics":
            topics = self.fresh.rows["topics"]
            return any(
                topics[child]["parent_id"] == key for child in self.used_by_broken["topics"] & topics.keys()
            )
        shown = self.fresh.rows["provider_images"] if name == "images" else {}
        return any(
            row["image_id"] == key and self._is_of_broken_provider(name, use) for use, row in shown.items()
        )

    def _may_differ(self, name: str, key: Key, column: str) -> bool:
        """Return whether the contract lets a column differ from the fresh store."""
        ours, theirs = self.store.rows[name][key][column], self.fresh.rows[name][key][column]
        if column in ("target_id", "item_id"):
            return ours in self.kept and (theirs is None or ours in self.refused)
        is_of_flags = column.removeprefix("upstream_") in (*FLAGS, "status")
        if name == "articles" and is_of_flags and self._has_unclear_flags(key):
            return True  # it keeps its earlier value, which the fresh store does not know
        if name == "files" and column == "state" and self._has_lost_its_fence(key):
            return (ours, theirs) == ("quarantined", "skipped")
        if name == "files" and column == "stamp":
            return (
                ours is None or theirs is None
            )  # set only once the file is older than the clock's resolution
        if name in ("article_images", "related_link_images") and column == "extra":
            return self._same_use(name, key)
        if name in _PROVIDER_TABLES:
            return self._is_of_broken_provider(name, key)
        return name in SHARED and key in self.used_by_broken[name]

    def _has_unclear_flags(self, key: Key) -> bool:
        issues = self.store.rows["import_issues"]
        return any(issue[:2] == key and is_about_flag(*issue[2:]) for issue in issues)

    def _has_lost_its_fence(self, key: Key) -> bool:
        return (*key, "no_opening_fence", None) in self.store.rows["import_issues"]

    def _same_use(self, name: str, key: Key) -> bool:
        """Return whether an article states the same about an image that a broken file describes otherwise."""
        ours, theirs = self.store.rows[name][key], self.fresh.rows[name][key]
        url = ours["image_id"]
        return url in self.used_by_broken["images"] and _stated(self.store, url, ours) == _stated(
            self.fresh, url, theirs
        )


#: Tables with facts about providers from taxonomy documents.
_PROVIDER_TABLES = ("provider_aliases", "provider_images")

_FACTS = {"width": "width", "height": "height", "isCached": "is_cached", "title": "title"}


def _stated(content: _Content, url: Key, use: Row) -> Row:
    if use["extra"] is not None:
        return {k: v for k, v in json.loads(use["extra"]).items() if k in _FACTS and v is not None}
    row = content.rows["images"][url]
    return {k: row[column] for k, column in _FACTS.items() if row[column] is not None}


def _is_undescribed(name: str, row: Row) -> bool:
    """Return whether a row has no facts from taxonomy documents."""
    columns: Iterable[str] = {"providers": ("description",), "topics": ("slug", "parent_id")}.get(name, ())
    return all(row[column] is None for column in columns)


def _pop_effective(content: _Content, key: Key, row: Row) -> Row:
    """Remove the effective flags from an article's row; return those that do not follow from its values.

    Effective flags follow from overrides and upstream values.
    """
    overridden = content.overrides.get(key, {})
    stated = {flag: row[f"upstream_{flag}"] for flag in FLAGS} | overridden
    removed = bool(stated["removed"])
    published = stated["published"] is None or bool(stated["published"])
    expected = {"quality": stated["quality"], "heat": stated["heat"], "published": published and not removed}
    expected |= {"removed": removed}
    found = {flag: row.pop(flag) for flag in FLAGS}
    return {
        flag: f"{found[flag]!r}, not {expected[flag]!r}" for flag in FLAGS if found[flag] != expected[flag]
    }


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 160 else f"{text[:80]}…{text[-79:]}"


def disagreements(store: Store, model: Model) -> list[str]:
    """Return how a store differs from a model, one line each."""
    found = _read_articles(store)
    lines = []
    for path in found.keys() | model.articles.keys():
        article = model.articles[path]
        expected = (
            article.effective,
            article.missing,
            {kept.comparable for kept in article.overrides.values()},
            Counter(kept.comparable for kept in article.set_aside),
            {key: shorten_message(message) for key, message in article.notices.items()},
        )
        names = ("effective", "missing", "overrides", "set aside", "notices")
        for name, ours, theirs in zip(names, found[path], expected, strict=True):
            if ours != theirs:
                lines.append(f"{path}: {name}: the store has {ours}, the model {theirs}")
    table = import_issues.c
    notice_rows = rows(
        store, sa.select(table.path, table.code, table.field).where(table.code.in_(OVERRIDE_CODES))
    )
    lines += [
        f"given: {key}"
        for key in _count_differences(
            Counter((path, code, flag or "") for path, code, flag in notice_rows), model.given
        )
    ]
    return lines


def _count_differences(ours: Counter[Any], theirs: Counter[Any]) -> list[Any]:
    return [(key, ours[key], theirs[key]) for key in ours | theirs if ours[key] != theirs[key]]


def _read_articles(store: Store) -> dict[str, tuple[Any, ...]]:
    """Return the articles of a store in the form of the model."""
    a, o, s, i = articles.c, overrides.c, set_aside_overrides.c, import_issues.c
    found: dict[str, tuple[Any, ...]] = {}
    flags = sa.select(a.path, a.missing_since, *(a[flag] for flag in FLAGS))
    for path, since, *values in rows(store, flags):
        found[_plain(path)] = (tuple(values), since is not None, set(), Counter(), {})
    by = sa.join(overrides, changesets, changesets.c.id == o.changeset_id).join(
        articles, a.id == o.article_id
    )
    query: Any = sa.select(a.path, o.upstream_value, o.field, o.value, changesets.c.actor).select_from(by)
    for path, seen, flag, value, actor in rows(store, query):
        found[_plain(path)][2].add(Override(flag, value, actor, seen=seen))
    by = sa.join(set_aside_overrides, changesets).join(articles, a.id == s.article_id)
    query = sa.select(
        a.path, s.upstream_value, s.field, s.value, changesets.c.actor, s.title, s.canonical_digest
    ).select_from(by)
    for path, seen, flag, value, actor, title, digest in rows(store, query):
        kept = Override(flag, value, actor, title, digest and bytes(digest), seen=seen)
        found[_plain(path)][3][kept] += 1
    wanted = sa.select(i.path, i.code, i.field, i.message).where(
        i.code.in_(OVERRIDE_CODES), i.resolved_import_id.is_(None)
    )
    for path, code, flag, message in rows(store, wanted):
        found[path][4][code, flag or ""] = message
    return found


def _plain(path: str) -> str:
    """Return a path as the model has it: without the id after `~` if the article has lost its path."""
    return re.sub(r"~\d+$", "~", path)


def rows(store: Store, query: Any) -> list[Any]:
    with store.reading() as connection:
        return list(connection.execute(query).all())


def count(store: Store, table: sa.Table, *conditions: Any) -> int:
    found: int = rows(store, sa.select(sa.func.count()).select_from(table).where(*conditions))[0][0]
    return found
