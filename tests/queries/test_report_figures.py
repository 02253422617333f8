"""Compares every named report with rows computed in Python: all columns, in order.

The expected rows come from the documents' front matter and the overrides of the `model`. The tests run on
both engines, for the sample site and for the real dumps, if they are next to the checkout.
"""

from __future__ import annotations

import dataclasses
import re
import shutil
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from curation.editing.review_settings import set_review_settings
from curation.queries.reports import find_reports
from curation.store.schema import articles, sources
from curation.urls import canonicalize_url

from ..support.reference_model import BROKEN, Article, ReferenceModel
from ..support.rejoined_documents import parsed
from ..support.report_comparison import Row, check, like, mean, ordered, rounded, without
from ..support.stores import make_store
from ..support.views_helpers import moment

POSTS = {
    "_posts/2021-05-01-own.md": "title: Own\nquality: 30\nheat: 75\n"
    "publishedDateTime: 2021-05-31T23:59:59-01:00\nprovider: {domain: own.example}\ntopics: [Rivers, Rivers]\n",
    "_posts/2021-05-02-own.md": "title: Own\nprovider: {name: Own}\n"
    "publishedDateTime: 2021-05-02T00:00:00Z\n",
    "_posts/2021-05-28-gone.md": "title: Gone\nquality: 90\nprovider: {domain: own.example}\nitems: [none]\n"
    "publishedDateTime: 2021-05-28T00:00:00Z\nimages: [{url: /tall.png, width: 60, height: 301}]\n",
    "_posts/2021-05-29-tall.md": "title: Tall\nprovider: {domain: own.example}\n"
    "images: [{url: /tall.png, width: 60, height: 301}]\n",
    "_posts/2021-05-03-none.md": "title: ''\npublished: false\nquality: 61\nheat: -1\n",
}


# --- history ---------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Picked:
    """The paths of the documents that the tests change or override."""

    judged: Sequence[str]
    hidden: Sequence[str]
    shown: Sequence[str]
    items: Sequence[str]
    deleted: Sequence[str]


def pick(documents: dict[str, Row]) -> Picked:
    judged = sorted(p for p, front_matter in documents.items() if front_matter.get("quality") is not None)
    hidden = [
        p for p in judged[10:] if documents[p].get("published") is False and documents[p]["quality"] >= 60
    ]
    listed = {item for front_matter in documents.values() for item in front_matter.get("items") or []}
    items = sorted(p for p in documents if p.split("/", 1)[1].rpartition(".")[0] in listed)
    related = {r["title"] for front_matter in documents.values() for r in front_matter.get("related") or []}
    deleted = [
        next((p for p in judged[10:] if documents[p].get("related")), judged[-1]),
        next((p for p in judged[13:] if documents[p]["title"] in related), judged[-2]),
        *items[1:2],
    ]
    shown = [p for p in judged[10:] if documents[p].get("published") is True and p not in (*deleted, *items)]
    return Picked(judged, [p for p in hidden if p not in deleted], shown, items, deleted)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def model(
    request: pytest.FixtureRequest, root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ReferenceModel]:
    """A dump that was imported, overridden, changed and imported again; and a second, small source."""
    folder = tmp_path_factory.mktemp("model")
    dump = folder / "dump"
    shutil.copytree(root, dump, ignore=shutil.ignore_patterns("api", "assets"))
    made = ReferenceModel(make_store(request, folder))
    made.import_dump("dump", dump)
    picked = pick({path: article.front_matter for (_, path), article in made.articles.items()})
    override_flags(made, picked)
    (dump / BROKEN).write_text("---\na: [\n---\n")
    made.import_dump("dump", dump, strict=True)
    change(dump, picked)
    made.import_dump("dump", dump)
    made.decide(picked.judged[1:2], "ann", "hotter", heat=9)
    import_posts(made, folder / "posts")
    made.copy_ids_and_times()
    yield made
    made.store.engine.dispose()


def override_flags(model: ReferenceModel, picked: Picked) -> None:
    judged = picked.judged
    model.decide(judged[:10], "ann", "calm", heat=7)
    model.decide(judged[2:5], "bob", quality=80, published=0)
    model.decide(picked.hidden[:2], "ann", published=1)
    model.decide([*judged[6:8], *picked.items[:1]], "cat", "spam", removed=1)
    low = model.decide([*judged[7:9], *judged[3:4]], "bob", "a slip", quality=3, heat=1)
    model.revert(low, "cat")
    model.decide(picked.deleted[:1], "ann", quality=150)
    model.decide(picked.shown[:1], "ann", published=1)


def change(dump: Path, picked: Picked) -> None:
    """Change upstream values of articles with overrides and of one without, and delete files."""
    for path, flag, value in (
        (picked.judged[2], "quality", "99"), (picked.judged[5], "quality", "75"),
        (picked.judged[4], "heat", "55"), (picked.shown[0], "published", "false"),
    ):  # fmt: skip
        content = (dump / path).read_text()
        line = re.compile(rf'^("?{flag}"?): .*$', re.MULTILINE)
        (dump / path).write_text(line.sub(rf"\1: {value}", content, count=1))
    for path in picked.deleted:
        (dump / path).unlink()


def import_posts(model: ReferenceModel, folder: Path) -> None:
    """Import a source whose second import is reverted, and of which a file is then deleted."""
    (folder / "_posts").mkdir(parents=True)
    for path, front_matter in POSTS.items():
        (folder / path).write_text(f"---\n{front_matter}---\n")
    model.import_dump("posts", folder)
    path = "_posts/2021-05-01-own.md"
    was = parsed(folder / path)
    (folder / path).write_text((folder / path).read_text().replace("heat: 75", "heat: 5"))
    bad = model.import_dump("posts", folder)
    assert bad is not None
    model.revert_import(bad, {path: was})
    (folder / path).write_text(f"---\n{POSTS[path]}---\n")
    (folder / "_posts/2021-05-28-gone.md").unlink()
    model.import_dump("posts", folder)


# --- figures of several articles -------------------------------------------------------------------------


def grouped(group: Iterable[Article], key: Callable[[Article], Any]) -> dict[Any, list[Article]]:
    groups: dict[Any, list[Article]] = defaultdict(list)
    for article in group:
        groups[key(article)].append(article)
    return groups


def shown(group: Iterable[Article]) -> int:
    return sum(article.effective_value("published") or 0 for article in group)


def latest(group: Iterable[Article]) -> str | None:
    return max((article.published_at for article in group if article.published_at), default=None)


# --- the reports -----------------------------------------------------------------------------------------


def test_every_report_has_a_test() -> None:
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert {report.name for report in find_reports()} <= tested


def activity(model: ReferenceModel, kind: str) -> list[Row]:
    groups = defaultdict(list)
    for made in model.changesets:
        groups[made.at[:10], made.actor, made.kind].append(made)
    expected = []
    for (day, actor, of_kind), group in groups.items():
        changes = [change for change in model.changes if change.changeset in group]
        expected.append({
            "day": day, "actor": actor, "kind": of_kind, "changesets": len(group), "changes": len(changes),
            "articles": len({change.article.id for change in changes}), "last_at": max(c.at for c in group),
        })  # fmt: skip
    return ordered(
        (row for row in expected if like(str(row["kind"]), kind)), "-day", "-changes", "actor", "kind"
    )


@pytest.mark.parametrize("kind", ["edit", "import", "revert", "%"])
def test_activity(model: ReferenceModel, kind: str) -> None:
    check(model, "activity", activity(model, kind), kind=kind)


def target(model: ReferenceModel, article: Article, link: Row) -> Article | None:
    """Return the article that a link refers to: by title and date, else by URL; present before missing."""
    others = [a for a in model.articles.values() if a.source == article.source and a is not article]
    at, url = moment(link.get("publishedDateTime")), canonicalize_url(link.get("webUrl"))
    for missing in (False, True):
        candidates = [a for a in others if a.missing == missing]
        by_title = [a for a in candidates if at and a.title == link["title"] and moment(a.published_at) == at]
        by_url = [a for a in candidates if url and address(a) == url]
        if found := by_title or by_url:
            return min(found, key=lambda a: a.path)
    return None


def address(article: Article) -> str | None:
    return canonicalize_url(article.front_matter.get("originalUrl")) or canonicalize_url(
        article.front_matter.get("webUrl")
    )


def cluster(model: ReferenceModel, leader: Article) -> list[Row]:
    """Return the links of an article that is not outranked; none if it is."""
    found, leader_quality = [], leader.effective_value("quality")
    for position, link in enumerate(leader.front_matter.get("related") or []):
        other = target(model, leader, link)
        quality, at = link.get("quality"), moment(link.get("publishedDateTime"))
        if other is not None:
            quality = (
                quality if other.effective_value("quality") is None else other.effective_value("quality")
            )
            at = moment(other.published_at) or at
        if leader_quality is not None and quality is not None:
            is_earlier = at is not None and leader.published_at is not None and at < leader.published_at
            if quality > leader_quality or (quality == leader_quality and is_earlier):
                return []
        found.append({
            "leader": leader.id, "leader_title": leader.title, "leader_quality": leader_quality,
            "outranked": other and other.id, "outranked_title": link["title"], "outranked_quality": quality,
            "position": position,
        })  # fmt: skip
    return found


def test_clusters(model: ReferenceModel) -> None:
    expected = [row for article in model.present for row in cluster(model, article)]
    order = ("-leader_quality", "leader", "-outranked_quality", "position")
    check(model, "clusters", without(ordered(expected, *order), "position"))


def missing_items(model: ReferenceModel) -> Iterator[Row]:
    for article in model.present:
        for position, item in enumerate(article.front_matter.get("items") or []):
            stem = "/".join([*article.path.split("/")[:-2], item])
            found = [model.articles.get((article.source, stem + suffix)) for suffix in (".html", ".md")]
            named = sorted((a for a in found if a), key=lambda a: a.missing)
            if named and not named[0].missing and named[0].effective_value("published"):
                continue
            why = "no such article" if not named else "not published"
            yield {
                "collection": article.id, "title": article.title, "position": position, "item": item,
                "why": "article is missing" if named and named[0].missing else why, "path": article.path,
            }  # fmt: skip


def test_collections(model: ReferenceModel) -> None:
    check(model, "collections", ordered(missing_items(model), "path", "position"))


@pytest.mark.parametrize("same", ["url", "title", "%"])
def test_duplicates(model: ReferenceModel, same: str) -> None:
    expected = []
    by_url = grouped(model.present, lambda a: ("url", a.source, address(a)))
    by_title = grouped(model.present, lambda a: ("title", a.source, a.title))
    for (way, _, story), group in [*by_url.items(), *by_title.items()]:
        if story and len(group) > 1 and like(way, same):
            expected += [
                {"same": way, "story": story, "copies": len(group), "article": a.id,
                 "published": a.effective_value("published"), "published_at": a.published_at,
                 "provider": a.provider[0], "path": a.path}
                for a in group
            ]  # fmt: skip
    check(model, "duplicates", ordered(expected, "-same", "-copies", "story", "path"), same=same)


def test_heat(model: ReferenceModel) -> None:
    touched = {
        change.article.id: change.article for change in reversed(model.changes) if change.flag == "heat"
    }
    assert touched
    untouched = next(a for a in model.present if a.id not in touched and a.front_matter.get("heat"))
    started = {row["import"]: row["started_at"] for row in model.imports}
    for article_id, article in {**touched, untouched.id: untouched}.items():
        with model.store.reading() as connection:
            first_id = connection.scalar(
                sa.select(articles.c.first_import_id).where(articles.c.id == article_id)
            )
        before = [c.old for c in model.changes if c.flag == "heat" and c.article.id == article_id]
        expected = [
            {"at": started[first_id], "old": None, "new": before[0] if before else article.effective_value("heat"),
             "kind": "import", "actor": None, "reason": None, "changeset": None},
        ]  # fmt: skip
        expected += [
            {"at": c.changeset.at, "old": c.old, "new": c.new, "kind": c.changeset.kind,
             "actor": c.changeset.actor, "reason": c.changeset.reason, "changeset": c.changeset.id}
            for c in model.changes
            if c.flag == "heat" and c.article.id == article_id
        ]  # fmt: skip
        check(model, "heat", expected, article=article_id)
    check(model, "heat", [], article=0)


def used_images(model: ReferenceModel) -> Iterator[tuple[Row, Article | None]]:
    """Yield every use of an image, with the article if it is the article's own image."""
    for article in model.present:
        yield from ((image, article) for image in article.front_matter.get("images") or [])
        for link in article.front_matter.get("related") or []:
            yield from ((image, None) for image in link.get("images") or [])
    for folder in model.roots.values():
        for file in folder.glob("_data/organizations/*.md"):
            yield from ((image, None) for image in parsed(file).get("images") or [])


@pytest.mark.parametrize("used", [2, 10])
def test_images(model: ReferenceModel, used: int) -> None:
    sizes: dict[str, tuple[int | None, int | None]] = {}
    users: dict[str, set[int]] = defaultdict(set)
    for image, article in used_images(model):
        sizes.setdefault(image["url"], (image.get("width"), image.get("height")))
        users[image["url"]] |= {article.id} if article else set()
    expected = []
    for url, (width, height) in sizes.items():
        is_odd = any(side is not None and side < 50 for side in (width, height)) or (
            width is not None and height is not None and max(width, height) > 5 * min(width, height)
        )
        reasons = {
            "no size": width is None or height is None,
            "odd size": is_odd,
            "much used": len(users[url]) >= used,
        }
        expected += [
            {
                "why": why,
                "articles": len(users[url]),
                "width": width,
                "height": height,
                "url": url,
                "path": None,
            }
            for why, applies in reasons.items()
            if applies
        ]
    expected += [
        {"why": "no image", "articles": None, "width": None, "height": None, "url": None, "path": a.path}
        for a in model.present
        if a.effective_value("published") and not a.front_matter.get("images")
    ]
    check(model, "images", ordered(expected, "-why", "-articles", "url", "path"), used=used)


def test_imports(model: ReferenceModel) -> None:
    columns = (
        "import", "source", "started_at", "status", "added", "updated", "moved", "unchanged", "missing",
        "skipped", "quarantined", "open_issues", "changeset", "location", "git_commit",
    )  # fmt: skip
    expected = [
        {name: row.get(name) for name in columns} | {"changeset": row["changeset"] and row["changeset"].id}
        for row in reversed(model.imports)
    ]
    check(model, "imports", expected)


@pytest.mark.parametrize("source", ["%", "dump", "posts"])
def test_months(model: ReferenceModel, source: str) -> None:
    dated = [a for a in model.present if a.published_at and like(a.source, source)]
    expected = []
    for (of_source, month), group in grouped(dated, lambda a: (a.source, (a.published_at or "")[:7])).items():
        expected.append({
            "source": of_source, "month": month, "articles": len(group), "published": shown(group),
            "share_published": rounded(Fraction(100 * shown(group), len(group))),
            "mean_quality": mean(a.effective_value("quality") for a in group),
            "mean_heat": mean(a.effective_value("heat") for a in group),
        })  # fmt: skip
    check(model, "months", ordered(expected, "-month", "source"), source=source)


def test_conflicts(model: ReferenceModel) -> None:
    expected = [
        {"article": a.id, "flag": flag, "yours": value, "upstream_then": a.seen[flag, made],
         "upstream_now": a.stated_value(flag), "actor": made.actor,
         "at": made.at, "reason": made.reason, "title": a.title, "path": a.path}
        for a in model.present
        for flag, (value, made) in a.overrides.items()
        if not a.effective_value("removed") and a.has_conflict(flag)
    ]  # fmt: skip
    assert {row["flag"] for row in expected} >= {"quality", "heat", "published"}
    check(model, "conflicts", ordered(expected, "-at", "path", "flag"))


def provider_rows(model: ReferenceModel, minimum: int, recent: str, earlier: str) -> Iterator[Row]:
    groups = grouped((a for a in model.present if a.front_matter.get("provider")), lambda a: a.provider)
    for (name, domain), group in groups.items():
        qualities = [quality for a in group if (quality := a.effective_value("quality")) is not None]
        late = sum(recent <= (a.published_at or "") and earlier <= (a.published_at or "") for a in group)
        early = sum(earlier <= (a.published_at or "") < recent for a in group)
        if len(group) >= minimum:
            median = statistics.median(map(Fraction, qualities)) if qualities else None
            yield {
                "provider": name, "domain": domain, "articles": len(group), "published": shown(group),
                "share_published": rounded(Fraction(100 * shown(group), len(group))),
                "mean_quality": mean(qualities), "median_quality": rounded(median),
                "recent": late, "trend": late - early, "latest": latest(group),
            }  # fmt: skip


@pytest.mark.parametrize("minimum", [1, 3])
@pytest.mark.parametrize(("recent", "earlier"), [("2021-05-27", "2021-04-01"), ("2022-03-01", "2020-10-15")])
def test_providers(model: ReferenceModel, minimum: int, recent: str, earlier: str) -> None:
    expected = ordered(provider_rows(model, minimum, recent, earlier), "-articles", "provider", "domain")
    check(model, "providers", expected, minimum=minimum, recent=recent, earlier=earlier)


@pytest.mark.parametrize("collection", ["%", "news", "learning/videos", "none"])
def test_published(model: ReferenceModel, collection: str) -> None:
    expected = [
        {"id": a.id, "published_at": a.published_at, "quality": a.effective_value("quality"), "heat": a.effective_value("heat"),
         "title": a.title, "provider": a.provider[0], "collection": a.collection, "path": a.path}
        for a in model.present
        if a.effective_value("published") and like(a.collection, collection)
    ]  # fmt: skip
    check(model, "published", ordered(expected, "-published_at", "path"), collection=collection)


def reasons(article: Article, least: int) -> dict[str, list[str | None]]:
    """Return the reasons for review, the most urgent first, each with the flags in conflict or None.

    A reason that does not apply has none.
    """
    quality, is_shown = article.effective_value("quality"), article.effective_value("published")
    is_good = quality is not None and quality >= least and article.effective_value("heat") != -1
    is_decided = "published" in article.overrides
    applies = {
        "good, but not published": not is_shown and is_good and not is_decided,
        "published, never judged": bool(is_shown) and quality is None and not is_decided,
    }
    conflicts: list[str | None] = [flag for flag in article.overrides if article.has_conflict(flag)]
    others: dict[str, list[str | None]] = {why: [None] if does else [] for why, does in applies.items()}
    return {"conflict with upstream": conflicts} | others


@pytest.mark.parametrize("quality", [60, 75])
def test_review(model: ReferenceModel, quality: int) -> None:
    expected = [
        {"id": a.id, "why": why, "flag": flag, "quality": a.effective_value("quality"), "heat": a.effective_value("heat"), "title": a.title,
         "provider": a.provider[0], "path": a.path, "priority": priority, "published_at": a.published_at}
        for a in model.present
        if not a.effective_value("removed")
        for priority, (why, flags) in enumerate(reasons(a, quality).items())
        for flag in flags
    ]  # fmt: skip
    assert {row["priority"] for row in expected} >= ({0, 1, 2} if quality == 60 else {0, 2})
    expected = ordered(expected, "priority", "-quality", "-published_at", "id", "flag")
    with model.store.writing() as connection:
        for source_id in connection.scalars(sa.select(sources.c.id)).all():
            set_review_settings(connection, source_id, review_quality=quality)
    check(model, "review", without(expected, "priority", "published_at"))


def test_stale(model: ReferenceModel) -> None:
    expected = []
    for source in {row["source"] for row in model.imports}:
        rows = [row for row in model.imports if row["source"] == source]
        whole = [row["started_at"] for row in rows if row["status"] in ("succeeded", "partial")]
        changed = [
            row["started_at"]
            for row in rows
            if row["status"] != "reverted" and row["added"] + row["updated"] + row["missing"]
        ]
        failed = sum(row["status"] == "failed" for row in rows)
        expected.append(
            {"source": source, "last_import": max(whole), "last_change": max(changed), "failed": failed}
        )
    assert {row["failed"] for row in expected} == {0, 1}
    check(model, "stale", ordered(expected, "last_import", "source"))


def topic_rows(model: ReferenceModel) -> Iterator[Row]:
    files = [f for root in model.roots.values() for f in sorted(root.glob("_data/topics/*.y*ml"))]
    notes = [yaml.safe_load(file.read_text(encoding="utf-8-sig")) for file in files]
    above = {note["name"]: note.get("parent") for note in notes}
    names = {topic for article in model.articles.values() for topic in article.topics}
    for name in names | above.keys() | set(above.values()) - {None}:
        below = {name}
        while more := {topic for topic, parent in above.items() if parent in below} - below:
            below |= more
        group = [article for article in model.present if name in article.topics]
        yield {
            "topic": name, "parent": above.get(name), "articles": len(group),
            "articles_below": sum(1 for article in model.present if article.topics & below),
            "published": shown(group),
            "share_published": rounded(Fraction(100 * shown(group), len(group)) if group else None),
            "mean_quality": mean(a.effective_value("quality") for a in group), "latest": latest(group),
        }  # fmt: skip


def test_topics(model: ReferenceModel) -> None:
    expected = ordered(topic_rows(model), "-articles", "topic")
    for parent in ("%", "", *{row["parent"] for row in expected if row["parent"]}):
        of_it = [row for row in expected if like(row["parent"] or "", parent)]
        check(model, "topics", of_it, parent=parent)
