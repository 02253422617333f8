"""Every named report beside the files: all its rows and columns, in order, computed once more in Python.

What is expected comes from the documents' own front matter and from what was decided (`chronicle`), on both
engines, for the sample site and the real dumps where they lie beside the checkout.
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

from curation.queries.reports import find_reports
from curation.store.schema import articles
from curation.urls import canonical_url

from ..support.reference_model import BROKEN, Article, Chronicle
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


# --- what was done ---------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Picked:
    """The documents of a dump, by path, that something is done to."""

    graded: Sequence[str]
    hidden: Sequence[str]
    items: Sequence[str]
    gone: Sequence[str]


def pick(documents: dict[str, Row]) -> Picked:
    graded = sorted(p for p, fm in documents.items() if fm.get("quality") is not None)
    hidden = [
        p for p in graded[10:] if documents[p].get("published") is False and documents[p]["quality"] >= 60
    ]
    named = {item for fm in documents.values() for item in fm.get("items") or []}
    items = sorted(p for p in documents if p.split("/", 1)[1].rpartition(".")[0] in named)
    related = {r["title"] for fm in documents.values() for r in fm.get("related") or []}
    gone = [
        next((p for p in graded[10:] if documents[p].get("related")), graded[-1]),
        next((p for p in graded[13:] if documents[p]["title"] in related), graded[-2]),
        *items[1:2],
    ]
    return Picked(graded, [p for p in hidden if p not in gone], items, gone)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def told(
    request: pytest.FixtureRequest, root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Chronicle]:
    """A dump that was taken in, decided on, and taken in changed; and a second, small source."""
    folder = tmp_path_factory.mktemp("told")
    dump = folder / "dump"
    shutil.copytree(root, dump, ignore=shutil.ignore_patterns("api", "assets"))
    chronicle = Chronicle(make_store(request, folder))
    chronicle.take_in("dump", dump)
    picked = pick({path: article.fm for (_, path), article in chronicle.articles.items()})
    decide(chronicle, picked)
    (dump / BROKEN).write_text("---\na: [\n---\n")
    chronicle.take_in("dump", dump, strict=True)
    change(dump, picked)
    chronicle.take_in("dump", dump)
    chronicle.decide(picked.graded[1:2], "ann", "hotter", heat=9)
    take_in_posts(chronicle, folder / "posts")
    chronicle.settle()
    yield chronicle
    chronicle.store.engine.dispose()


def decide(chronicle: Chronicle, picked: Picked) -> None:
    graded = picked.graded
    chronicle.decide(graded[:10], "ann", "calm", heat=7)
    chronicle.decide(graded[2:5], "bob", quality=80, published=0)
    chronicle.decide(picked.hidden[:2], "ann", published=1)
    chronicle.decide([*graded[6:8], *picked.items[:1]], "cat", "spam", removed=1)
    low = chronicle.decide([*graded[7:9], *graded[3:4]], "bob", "a slip", quality=3, heat=1)
    chronicle.take_back(low, "cat")
    chronicle.decide(picked.gone[:1], "ann", quality=150)


def change(dump: Path, picked: Picked) -> None:
    """Upstream says otherwise of one that is decided and of one that is not; some files go."""
    for path, quality in ((picked.graded[2], 99), (picked.graded[5], 75)):
        content = (dump / path).read_text()
        (dump / path).write_text(re.sub(r"(?m)^quality: .*$", f"quality: {quality}", content))
    for path in picked.gone:
        (dump / path).unlink()


def take_in_posts(chronicle: Chronicle, folder: Path) -> None:
    """A source whose second import was undone, and which a file has gone from."""
    (folder / "_posts").mkdir(parents=True)
    for path, front_matter in POSTS.items():
        (folder / path).write_text(f"---\n{front_matter}---\n")
    chronicle.take_in("posts", folder)
    path = "_posts/2021-05-01-own.md"
    was = parsed(folder / path)
    (folder / path).write_text((folder / path).read_text().replace("heat: 75", "heat: 5"))
    bad = chronicle.take_in("posts", folder)
    assert bad is not None
    chronicle.undo(bad, {path: was})
    (folder / path).write_text(f"---\n{POSTS[path]}---\n")
    (folder / "_posts/2021-05-28-gone.md").unlink()
    chronicle.take_in("posts", folder)


# --- what is told of some articles together ---------------------------------------------------------------


def grouped(some: Iterable[Article], key: Callable[[Article], Any]) -> dict[Any, list[Article]]:
    groups: dict[Any, list[Article]] = defaultdict(list)
    for article in some:
        groups[key(article)].append(article)
    return groups


def shown(some: Iterable[Article]) -> int:
    return sum(article.holds("published") or 0 for article in some)


def latest(some: Iterable[Article]) -> str | None:
    return max((article.published_at for article in some if article.published_at), default=None)


# --- the reports -----------------------------------------------------------------------------------------


def test_each_report_is_here() -> None:
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert {report.name for report in find_reports()} <= tested


def activity(told: Chronicle, kind: str) -> list[Row]:
    groups = defaultdict(list)
    for made in told.changesets:
        groups[made.at[:10], made.actor, made.kind].append(made)
    due = []
    for (day, actor, of_kind), some in groups.items():
        changes = [change for change in told.changes if change.changeset in some]
        due.append({
            "day": day, "actor": actor, "kind": of_kind, "changesets": len(some), "changes": len(changes),
            "articles": len({change.article.id for change in changes}), "last_at": max(c.at for c in some),
        })  # fmt: skip
    return ordered((row for row in due if like(str(row["kind"]), kind)), "-day", "-changes", "actor", "kind")


@pytest.mark.parametrize("kind", ["edit", "import", "revert", "%"])
def test_activity(told: Chronicle, kind: str) -> None:
    check(told, "activity", activity(told, kind), kind=kind)


def target(told: Chronicle, article: Article, link: Row) -> Article | None:
    """The article that a link names: of its title and moment, else of its address; present before missing."""
    others = [a for a in told.articles.values() if a.source == article.source and a is not article]
    at, url = moment(link.get("publishedDateTime")), canonical_url(link.get("webUrl"))
    for missing in (False, True):
        some = [a for a in others if a.missing == missing]
        by_title = [a for a in some if at and a.title == link["title"] and moment(a.published_at) == at]
        by_url = [a for a in some if url and address(a) == url]
        if found := by_title or by_url:
            return min(found, key=lambda a: a.path)
    return None


def address(article: Article) -> str | None:
    return canonical_url(article.fm.get("originalUrl")) or canonical_url(article.fm.get("webUrl"))


def cluster(told: Chronicle, leader: Article) -> list[Row]:
    """The links of an article that nothing outranks; none if something does."""
    found, mine = [], leader.holds("quality")
    for position, link in enumerate(leader.fm.get("related") or []):
        other = target(told, leader, link)
        quality, at = link.get("quality"), moment(link.get("publishedDateTime"))
        if other is not None:
            quality = quality if other.holds("quality") is None else other.holds("quality")
            at = moment(other.published_at) or at
        if mine is not None and quality is not None:
            is_earlier = at is not None and leader.published_at is not None and at < leader.published_at
            if quality > mine or (quality == mine and is_earlier):
                return []
        found.append({
            "leader": leader.id, "leader_title": leader.title, "leader_quality": mine,
            "outranked": other and other.id, "outranked_title": link["title"], "outranked_quality": quality,
            "position": position,
        })  # fmt: skip
    return found


def test_clusters(told: Chronicle) -> None:
    due = [row for article in told.present for row in cluster(told, article)]
    order = ("-leader_quality", "leader", "-outranked_quality", "position")
    check(told, "clusters", without(ordered(due, *order), "position"))


def missing_items(told: Chronicle) -> Iterator[Row]:
    for article in told.present:
        for position, item in enumerate(article.fm.get("items") or []):
            stem = "/".join([*article.path.split("/")[:-2], item])
            found = [told.articles.get((article.source, stem + suffix)) for suffix in (".html", ".md")]
            named = sorted((a for a in found if a), key=lambda a: a.missing)
            if named and not named[0].missing and named[0].holds("published"):
                continue
            why = "no such article" if not named else "not published"
            yield {
                "collection": article.id, "title": article.title, "position": position, "item": item,
                "why": "article is missing" if named and named[0].missing else why, "path": article.path,
            }  # fmt: skip


def test_collections(told: Chronicle) -> None:
    check(told, "collections", ordered(missing_items(told), "path", "position"))


@pytest.mark.parametrize("same", ["url", "title", "%"])
def test_duplicates(told: Chronicle, same: str) -> None:
    due = []
    by_url = grouped(told.present, lambda a: ("url", a.source, address(a)))
    by_title = grouped(told.present, lambda a: ("title", a.source, a.title))
    for (way, _, story), some in [*by_url.items(), *by_title.items()]:
        if story and len(some) > 1 and like(way, same):
            due += [
                {"same": way, "story": story, "copies": len(some), "article": a.id,
                 "published": a.holds("published"), "published_at": a.published_at,
                 "provider": a.provider[0], "path": a.path}
                for a in some
            ]  # fmt: skip
    check(told, "duplicates", ordered(due, "-same", "-copies", "story", "path"), same=same)


def test_heat(told: Chronicle) -> None:
    touched = {
        change.article.id: change.article for change in reversed(told.changes) if change.flag == "heat"
    }
    assert touched
    untouched = next(a for a in told.present if a.id not in touched and a.fm.get("heat"))
    begun = {row["import"]: row["started_at"] for row in told.imports}
    for article_id, article in {**touched, untouched.id: untouched}.items():
        with told.store.reading() as connection:
            first_id = connection.scalar(
                sa.select(articles.c.first_import_id).where(articles.c.id == article_id)
            )
        before = [c.old for c in told.changes if c.flag == "heat" and c.article.id == article_id]
        due = [
            {"at": begun[first_id], "old": None, "new": before[0] if before else article.holds("heat"),
             "kind": "import", "actor": None, "reason": None, "changeset": None},
        ]  # fmt: skip
        due += [
            {"at": c.changeset.at, "old": c.old, "new": c.new, "kind": c.changeset.kind,
             "actor": c.changeset.actor, "reason": c.changeset.reason, "changeset": c.changeset.id}
            for c in told.changes
            if c.flag == "heat" and c.article.id == article_id
        ]  # fmt: skip
        check(told, "heat", due, article=article_id)
    check(told, "heat", [], article=0)


def said_images(told: Chronicle) -> Iterator[tuple[Row, Article | None]]:
    """Each image as articles, their links and organizations say it, and the article that shows it itself."""
    for article in told.present:
        yield from ((image, article) for image in article.fm.get("images") or [])
        for link in article.fm.get("related") or []:
            yield from ((image, None) for image in link.get("images") or [])
    for folder in told.roots.values():
        for file in folder.glob("_data/organizations/*.md"):
            yield from ((image, None) for image in parsed(file).get("images") or [])


@pytest.mark.parametrize("used", [2, 10])
def test_images(told: Chronicle, used: int) -> None:
    sizes: dict[str, tuple[int | None, int | None]] = {}
    users: dict[str, set[int]] = defaultdict(set)
    for image, article in said_images(told):
        sizes.setdefault(image["url"], (image.get("width"), image.get("height")))
        users[image["url"]] |= {article.id} if article else set()
    due = []
    for url, (width, height) in sizes.items():
        is_odd = any(side is not None and side < 50 for side in (width, height)) or (
            width is not None and height is not None and max(width, height) > 5 * min(width, height)
        )
        reasons = {
            "no size": width is None or height is None,
            "odd size": is_odd,
            "much used": len(users[url]) >= used,
        }
        due += [
            {
                "why": why,
                "articles": len(users[url]),
                "width": width,
                "height": height,
                "url": url,
                "path": None,
            }
            for why, holds in reasons.items()
            if holds
        ]
    due += [
        {"why": "no image", "articles": None, "width": None, "height": None, "url": None, "path": a.path}
        for a in told.present
        if a.holds("published") and not a.fm.get("images")
    ]
    check(told, "images", ordered(due, "-why", "-articles", "url", "path"), used=used)


def test_imports(told: Chronicle) -> None:
    columns = (
        "import", "source", "started_at", "status", "added", "updated", "moved", "unchanged", "missing",
        "skipped", "quarantined", "open_issues", "changeset", "location", "git_commit",
    )  # fmt: skip
    due = [
        {name: row.get(name) for name in columns} | {"changeset": row["changeset"] and row["changeset"].id}
        for row in reversed(told.imports)
    ]
    check(told, "imports", due)


@pytest.mark.parametrize("source", ["%", "dump", "posts"])
def test_months(told: Chronicle, source: str) -> None:
    dated = [a for a in told.present if a.published_at and like(a.source, source)]
    due = []
    for (of_source, month), some in grouped(dated, lambda a: (a.source, (a.published_at or "")[:7])).items():
        due.append({
            "source": of_source, "month": month, "articles": len(some), "published": shown(some),
            "share_published": rounded(Fraction(100 * shown(some), len(some))),
            "mean_quality": mean(a.holds("quality") for a in some),
            "mean_heat": mean(a.holds("heat") for a in some),
        })  # fmt: skip
    check(told, "months", ordered(due, "-month", "source"), source=source)


def test_conflicts(told: Chronicle) -> None:
    due = [
        {"id": a.id, "flag": flag, "upstream": a.says(flag), "editor": value, "actor": made.actor,
         "at": made.at, "reason": made.reason, "title": a.title, "path": a.path}
        for a in told.articles.values()
        for flag, (value, made) in a.decided.items()
        if a.says(flag) not in (None, value)
    ]  # fmt: skip
    assert {row["flag"] for row in due} >= {"quality", "heat", "published"}
    check(told, "conflicts", ordered(due, "-at", "path", "flag"))


def provider_rows(told: Chronicle, minimum: int, recent: str, earlier: str) -> Iterator[Row]:
    groups = grouped((a for a in told.present if a.fm.get("provider")), lambda a: a.provider)
    for (name, domain), some in groups.items():
        qualities = [quality for a in some if (quality := a.holds("quality")) is not None]
        late = sum(recent <= (a.published_at or "") and earlier <= (a.published_at or "") for a in some)
        early = sum(earlier <= (a.published_at or "") < recent for a in some)
        if len(some) >= minimum:
            median = statistics.median(map(Fraction, qualities)) if qualities else None
            yield {
                "provider": name, "domain": domain, "articles": len(some), "published": shown(some),
                "share_published": rounded(Fraction(100 * shown(some), len(some))),
                "mean_quality": mean(qualities), "median_quality": rounded(median),
                "recent": late, "trend": late - early, "latest": latest(some),
            }  # fmt: skip


@pytest.mark.parametrize("minimum", [1, 3])
@pytest.mark.parametrize(("recent", "earlier"), [("2021-05-27", "2021-04-01"), ("2022-03-01", "2020-10-15")])
def test_providers(told: Chronicle, minimum: int, recent: str, earlier: str) -> None:
    due = ordered(provider_rows(told, minimum, recent, earlier), "-articles", "provider", "domain")
    check(told, "providers", due, minimum=minimum, recent=recent, earlier=earlier)


@pytest.mark.parametrize("collection", ["%", "news", "learning/videos", "none"])
def test_published(told: Chronicle, collection: str) -> None:
    due = [
        {"id": a.id, "published_at": a.published_at, "quality": a.holds("quality"), "heat": a.holds("heat"),
         "title": a.title, "provider": a.provider[0], "collection": a.collection, "path": a.path}
        for a in told.present
        if a.holds("published") and like(a.collection, collection)
    ]  # fmt: skip
    check(told, "published", ordered(due, "-published_at", "path"), collection=collection)


def reasons(article: Article, least: int) -> dict[str, bool]:
    """Why an article waits for an editor, the most urgent first."""
    quality, is_shown = article.holds("quality"), article.holds("published")
    flags = ("quality", "heat", "published", "removed")
    parts = any(None not in (p := {article.says(f), article.holds(f)}) and len(p) > 1 for f in flags)
    is_good = quality is not None and quality >= least and article.holds("heat") != -1
    return {
        "conflict with upstream": parts,
        "good, but not published": not is_shown and is_good and "published" not in article.decided,
        "published, never judged": bool(is_shown) and quality is None,
    }


@pytest.mark.parametrize("quality", [60, 75])
def test_review(told: Chronicle, quality: int) -> None:
    due = [
        {"id": a.id, "why": why, "quality": a.holds("quality"), "heat": a.holds("heat"), "title": a.title,
         "provider": a.provider[0], "path": a.path, "priority": priority, "published_at": a.published_at}
        for a in told.present
        if not a.holds("removed")
        for priority, (why, holds) in enumerate(reasons(a, quality).items())
        if holds
    ]  # fmt: skip
    assert {row["priority"] for row in due} >= ({0, 1, 2} if quality == 60 else {0, 2})
    due = ordered(due, "priority", "-quality", "-published_at", "id")
    check(told, "review", without(due, "priority", "published_at"), quality=quality)


def test_stale(told: Chronicle) -> None:
    due = []
    for source in {row["source"] for row in told.imports}:
        mine = [row for row in told.imports if row["source"] == source]
        whole = [row["started_at"] for row in mine if row["status"] in ("succeeded", "partial")]
        changed = [
            row["started_at"]
            for row in mine
            if row["status"] != "reverted" and row["added"] + row["updated"] + row["missing"]
        ]
        failed = sum(row["status"] == "failed" for row in mine)
        due.append(
            {"source": source, "last_import": max(whole), "last_change": max(changed), "failed": failed}
        )
    assert {row["failed"] for row in due} == {0, 1}
    check(told, "stale", ordered(due, "last_import", "source"))


def topic_rows(told: Chronicle) -> Iterator[Row]:
    files = [f for root in told.roots.values() for f in sorted(root.glob("_data/topics/*.y*ml"))]
    notes = [yaml.safe_load(file.read_text(encoding="utf-8-sig")) for file in files]
    above = {note["name"]: note.get("parent") for note in notes}
    names = {topic for article in told.articles.values() for topic in article.topics}
    for name in names | above.keys() | set(above.values()) - {None}:
        below = {name}
        while more := {topic for topic, parent in above.items() if parent in below} - below:
            below |= more
        some = [article for article in told.present if name in article.topics]
        yield {
            "topic": name, "parent": above.get(name), "articles": len(some),
            "articles_below": sum(1 for article in told.present if article.topics & below),
            "published": shown(some),
            "share_published": rounded(Fraction(100 * shown(some), len(some)) if some else None),
            "mean_quality": mean(a.holds("quality") for a in some), "latest": latest(some),
        }  # fmt: skip


def test_topics(told: Chronicle) -> None:
    due = ordered(topic_rows(told), "-articles", "topic")
    for parent in ("%", "", *{row["parent"] for row in due if row["parent"]}):
        of_it = [row for row in due if like(row["parent"] or "", parent)]
        check(told, "topics", of_it, parent=parent)
