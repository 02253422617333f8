"""Revert imports. Everything is restored, except articles with later imports or edits."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import sqlalchemy as sa

from curation.errors import EditRefused
from curation.importing.records import versions
from curation.importing.records.versions import decode_delta, encode_delta
from curation.store import migrate
from curation.store.database import Store
from curation.store.schema import (
    articles,
    changesets,
    file_versions,
    files,
    images,
    import_issues,
    imports,
    provider_images,
    providers,
    related_links,
)
from curation.verifying.run import verify

from ..support.importing_helpers import (
    RELATED_TO_ANY,
    count,
    decide_flags,
    import_folder,
    one,
    revert_one_import,
    rows,
    write_story,
)
from ..support.store_digest import digests

#: Tables of the history, which is not reverted.
HISTORY = ("imports", "changesets", "changes", "file_versions")

#: Images that were removed and have returned have new ids, so they are compared by URL.
IMAGES = ("images", "provider_images")

DATED = "publishedDateTime: 2091-05-01T12:00:00Z"


def read_images(store: Store) -> list[str]:
    """Return the images, and those of the providers by URL."""
    of_providers = sa.select(providers.c.name, provider_images.c.position, images.c.url)
    of_providers = of_providers.select_from(provider_images).join(images).join(providers)
    columns = sa.select(*(column for column in images.c if column.name != "id"))
    return sorted(map(repr, rows(store, columns) + rows(store, of_providers)))


def make_bad_dump(root: Path) -> None:
    """Change, add and remove one file each, remove two organizations and change a topic."""
    write_story(root, "2021-01-01-new.md")
    news = sorted((root / "_news").glob("*.md"))
    news[0].write_bytes(
        news[0].read_bytes().replace(b"\npublishedDateTime:", b"\nodd: 1\npublishedDateTime:")
    )
    news[1].unlink()
    topic = min((root / "_data" / "topics").iterdir())
    topic.write_bytes(topic.read_bytes().replace(b"_id: ", b"_id: x"))
    for organization in sorted((root / "_data" / "organizations").iterdir())[:2]:
        organization.unlink()


def revert(store: Store, changeset_id: int | None, **options: bool) -> list[str]:
    assert changeset_id is not None
    reverted = revert_one_import(store, changeset_id, actor="ann", reason="bad dump", **options)
    return [path for path, _ in reverted.kept]


def test_everything_is_restored(store: Store, site: Path) -> None:
    import_folder(store, site)
    was, images_were = digests(store, *HISTORY, *IMAGES), read_images(store)
    make_bad_dump(site)
    summary = import_folder(store, site)
    assert (summary.added, summary.updated, summary.missing) == (1, 1, 1)
    assert digests(store, *HISTORY, *IMAGES) != was
    assert revert(store, summary.changeset_id) == []
    assert (digests(store, *HISTORY, *IMAGES), read_images(store)) == (was, images_were)
    assert count(store, file_versions) == 0
    assert one(store, sa.select(imports.c.status).where(imports.c.id == summary.import_id)) == "reverted"
    kinds = sa.select(changesets.c.kind, changesets.c.reverts_id).order_by(changesets.c.id)
    assert rows(store, kinds)[-1] == ("revert", summary.changeset_id)


def test_the_first_import_can_be_reverted(store: Store, site: Path) -> None:
    # The settings of `_config.yml` and the skipped files belong to the source, not to its documents.
    tables = (*HISTORY, "sources", "source_settings", "import_issues", "files")
    empty = digests(store, *tables)
    summary = import_folder(store, site)
    no_content = sa.select(files.c.path).where(files.c.state == "skipped").order_by(files.c.path)
    skipped = rows(store, no_content)
    assert len(skipped) == summary.skipped > 0
    assert revert(store, summary.changeset_id) == []
    assert digests(store, *tables) == empty
    assert rows(store, no_content) == skipped
    assert count(store, files) == len(skipped)
    assert count(store, import_issues, import_issues.c.resolved_import_id.is_(None)) == 0


def test_a_dry_run_reports_and_keeps_nothing(store: Store, site: Path) -> None:
    import_folder(store, site)
    make_bad_dump(site)
    summary = import_folder(store, site)
    was = digests(store)
    assert revert(store, summary.changeset_id, dry_run=True) == []
    assert digests(store) == was


def test_articles_with_new_overrides_stay_and_are_reported(store: Store, tmp_path: Path) -> None:
    write_story(tmp_path, "a.md", quality=10)
    write_story(tmp_path, "b.md", quality=10)
    import_folder(store, tmp_path, source="s")
    decide_flags(store, "_news/b.md", heat=5)  # before the bad dump
    for name in ("a.md", "b.md", "c.md"):
        write_story(tmp_path, name, quality=90)
    summary = import_folder(store, tmp_path, source="s")
    decide_flags(store, "_news/a.md", heat=7)
    decide_flags(store, "_news/c.md", heat=7)
    assert revert(store, summary.changeset_id) == ["_news/c.md", "_news/a.md"]
    columns = sa.select(articles.c.path, articles.c.quality, articles.c.heat).order_by(articles.c.path)
    assert rows(store, columns) == [("_news/a.md", 90, 7), ("_news/b.md", 10, 5), ("_news/c.md", 90, 7)]


def test_an_import_is_reverted_after_the_later_ones(store: Store, tmp_path: Path) -> None:
    states = []
    summaries = []
    for quality in (10, 20, 30):
        write_story(tmp_path, "a.md", quality=quality)
        summaries.append(import_folder(store, tmp_path, source="s"))
        states.append(digests(store, *HISTORY))
    assert revert(store, summaries[1].changeset_id, dry_run=True) == ["_news/a.md"]
    for number in (2, 1):
        assert revert(store, summaries[number].changeset_id) == []
        assert digests(store, *HISTORY) == states[number - 1]


def test_upstream_values_are_restored_and_an_override_is_kept(store: Store, tmp_path: Path) -> None:
    write_story(tmp_path, "a.md", quality=10)
    import_folder(store, tmp_path, source="s")
    decide_flags(store, "_news/a.md", quality=50)
    write_story(tmp_path, "a.md", quality=90)
    summary = import_folder(store, tmp_path, source="s")
    revert(store, summary.changeset_id)
    columns = sa.select(articles.c.quality, articles.c.upstream_quality)
    assert rows(store, columns) == [(50, 10)]


def test_a_bad_dump_is_imported_again_if_it_is_still_there(store: Store, site: Path) -> None:
    import_folder(store, site)
    make_bad_dump(site)
    summary = import_folder(store, site)
    bad = digests(store, *HISTORY)
    revert(store, summary.changeset_id)
    again = import_folder(store, site)
    assert (again.added, again.updated, again.missing) == (1, 1, 1)
    assert digests(store, *HISTORY).keys() == bad.keys()
    names = ("providers", "topics", "taxonomy_documents", "documents")
    assert {name: digests(store)[name].split(":")[0] for name in names} == {
        name: bad[name].split(":")[0] for name in names
    }


def test_links_refer_to_remaining_articles(store: Store, tmp_path: Path) -> None:
    write_story(tmp_path, "b.md", title="twin")
    linking = write_story(tmp_path, "z.md")
    linking.write_text(linking.read_text().replace("---\nBody.", f"{RELATED_TO_ANY}Body."))
    import_folder(store, tmp_path, source="s")
    write_story(tmp_path, "a.md", title="twin")
    summary = import_folder(store, tmp_path, source="s")
    target = sa.select(articles.c.path).join(related_links, related_links.c.target_id == articles.c.id)
    assert one(store, target) == "_news/a.md"
    revert(store, summary.changeset_id)
    assert one(store, target) == "_news/b.md"


def test_later_changes_of_secured_do_not_matter(store: Store, tmp_path: Path) -> None:
    file = write_story(tmp_path, "a.md", quality=10)
    text = file.read_text()
    import_folder(store, tmp_path, source="s")
    was = digests(store, *HISTORY)
    changed = text.replace("quality: 10", "quality: 90")
    file.write_text(changed)
    summary = import_folder(store, tmp_path, source="s")
    for secret in ("QUJD;REVG", "R0hJ;SktM"):
        file.write_text(changed.replace("---\nBody.", f'secured: "{secret}"\n---\nBody.'))
        import_folder(store, tmp_path, source="s")
    revert(store, summary.changeset_id)
    assert digests(store, *HISTORY) == was


def test_an_import_that_cannot_be_reverted_is_refused(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "KEPT_IMPORTS", 2)
    summaries = []
    for quality in range(5):
        write_story(tmp_path, "a.md", quality=quality)
        summaries.append(import_folder(store, tmp_path, source="s"))
    with pytest.raises(EditRefused, match="too old"):
        revert(store, summaries[2].changeset_id)
    revert(store, summaries[4].changeset_id)
    with pytest.raises(EditRefused, match="already reverted"):
        revert(store, summaries[4].changeset_id)
    with pytest.raises(EditRefused, match="not an import"):
        revert(store, 4711)


def test_a_delta_is_small_and_restores_the_bytes() -> None:
    text = b"---\n" + b"".join(b"line %d of some words\n" % i for i in range(3000)) + b"---\nBody.\n"
    for was, now in (
        (text, text.replace(b"line 7 ", b"line seven ")),
        (text.replace(b"---\nBody", b"secured: 'QUJD'\n---\nBody"), text),
        (b"", text),
        (text, b""),
    ):
        assert decode_delta(encode_delta(was, now), now) == was
    assert len(encode_delta(text[:20_000], text[:10_000] + b"x" + text[10_000:20_000])) < 300


def test_changes_of_a_later_import_are_kept_regardless_of_age(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "KEPT_IMPORTS", 2)
    write_story(tmp_path, "a.md")
    first = import_folder(store, tmp_path, source="s")
    write_story(tmp_path, "a.md", quality=3)
    import_folder(store, tmp_path, source="s")
    for quality in range(4):
        write_story(tmp_path, "b.md", quality=quality)
        import_folder(store, tmp_path, source="s")
    assert revert(store, first.changeset_id) == ["_news/a.md"]
    assert count(store, articles, articles.c.path == "_news/a.md") == 1


def test_imports_are_reverted_newest_first_and_an_older_one_once_more(store: Store, tmp_path: Path) -> None:
    write_story(tmp_path, "a.md")
    import_folder(store, tmp_path, source="s")
    write_story(tmp_path, "x.md", quality=10)
    write_story(tmp_path, "a.md", quality=20)
    second = import_folder(store, tmp_path, source="s")
    write_story(tmp_path, "x.md", quality=30)
    third = import_folder(store, tmp_path, source="s")
    assert revert(store, second.changeset_id) == ["_news/x.md"]
    assert revert(store, third.changeset_id) == []
    assert revert(store, second.changeset_id) == []  # the rest, which the later import had changed
    assert rows(store, sa.select(articles.c.path, articles.c.quality)) == [("_news/a.md", 50)]


def test_an_editor_whose_clock_is_behind_is_not_overlooked(store: Store, site: Path) -> None:
    summary = import_folder(store, site)
    decide_flags(store, "_news/2021-05-28-needle-rock-goes-led.md", heat=7)
    with store.writing() as connection:
        long_ago = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)
        connection.execute(
            sa.update(changesets).where(changesets.c.kind == "edit").values(created_at=long_ago)
        )
    assert summary.changeset_id is not None
    reverted = revert_one_import(store, summary.changeset_id, actor="bob")
    kept = [("_news/2021-05-28-needle-rock-goes-led.md", "an editor has decided on it since")]
    assert (reverted.removed, reverted.kept) == (59, kept)


# --- flags that cannot be read --------------------------------------------------------------------------

UPSTREAM = tuple(
    articles.c[f"upstream_{name}"] for name in ("quality", "heat", "published", "removed", "status")
)

#: Flags of a story in addition to `quality`: at first, then with unreadable ones, then readable again.
UNREADABLE_FLAGS = {
    "published": ("published: true", "published: flase", "published: true\nheat: 3"),
    "unpublished": ("published: false", "published: flase", "published: true"),
    "published, then unpublished": ("published: true", "published: flase", "published: false"),
    "no flag": ("", "published: flase", "published: false"),
    "new": (None, "published: flase", "published: true"),
    "heat": ("heat: 8", "heat: hot", "heat: 90"),
    "no heat": ("", "heat: hot", "heat: 90"),
    "heat of a new article": (None, "heat: hot", "heat: 90"),
    "removed": ("removed: true", "removed: perhaps", "removed: false"),
    "not removed": ("removed: false", "removed: perhaps", "removed: true"),
    "removed and published": ("published: false", "published: true\nremoved: perhaps", "published: true"),
    "removed of a new article": (None, "removed: perhaps", "published: true"),
    "draft": ("draft: true", "draft: perhaps", "published: true"),
    "no draft": ("published: true", "draft: perhaps", "draft: true"),
    "draft with an invalid flag": ("published: true", "draft: true\npublished: flase", "published: true"),
    "future date": (DATED, f"{DATED}\npublished: flase", f"{DATED}\npublished: true"),
    "future date after published": ("", f"{DATED}\npublished: flase", "published: true"),
    "future date and removed": ("", f"{DATED}\nremoved: perhaps", "published: true"),
    "future date and heat": ("", f"{DATED}\nheat: hot", "published: true"),
    "future date and unpublished": ("", f"{DATED}\npublished: false\nheat: hot", "published: true"),
}


@pytest.mark.parametrize("is_another", [False, True])
def test_unreadable_flags_get_their_earlier_values(store: Store, tmp_path: Path, is_another: bool) -> None:
    """This does not depend on the import that is reverted, which has the same story or another one."""
    write_fronts(tmp_path, {name: ("7", before) for name, (before, _, _) in UNREADABLE_FLAGS.items()})
    import_folder(store, tmp_path, source="s")
    write_fronts(
        tmp_path, {name: ("many", unreadable) for name, (_, unreadable, _) in UNREADABLE_FLAGS.items()}
    )
    import_folder(store, tmp_path, source="s")
    flags = sa.select(articles.c.slug, *UPSTREAM).order_by(articles.c.path)
    was, upstream = digests(store, *HISTORY, "import_issues", "story_takeovers"), rows(store, flags)
    readable = {name: ("9", readable) for name, (_, _, readable) in UNREADABLE_FLAGS.items()}
    write_fronts(tmp_path, readable, words="Others." if is_another else "")
    summary = import_folder(store, tmp_path, source="s")
    assert summary.updated == len(UNREADABLE_FLAGS)
    assert revert(store, summary.changeset_id) == []
    assert rows(store, flags) == upstream
    assert digests(store, *HISTORY, "import_issues", "story_takeovers") == was
    with store.reading() as connection:
        assert list(verify(connection)) == []


def test_an_unreadable_flag_is_restored_below_an_override(store: Store, tmp_path: Path) -> None:
    write_story(tmp_path, "a.md", quality=7)
    import_folder(store, tmp_path, source="s")
    decide_flags(store, "_news/a.md", quality=50, removed=1)
    set_flag_texts(tmp_path, "published: flase", quality="many")
    import_folder(store, tmp_path, source="s")
    write_story(tmp_path, "a.md", quality=9)
    summary = import_folder(store, tmp_path, source="s")
    assert revert(store, summary.changeset_id) == []
    columns = sa.select(articles.c.quality, articles.c.published, *UPSTREAM[::2])
    assert rows(store, columns) == [(50, False, 7, True, None)]


def test_several_imports_are_reverted_to_the_first_value_of_a_flag(store: Store, tmp_path: Path) -> None:
    columns = sa.select(*UPSTREAM[:3:2])
    states, summaries = [], []
    write_story(tmp_path, "a.md", quality=7)
    for quality, published in (
        ("7", "true"),
        ("many", "flase"),
        ("8", "flase"),
        ("lots", "no way"),
        ("9", "false"),
    ):
        set_flag_texts(tmp_path, f"published: {published}", quality=quality)
        summaries.append(import_folder(store, tmp_path, source="s"))
        states.append(rows(store, columns))
    assert states == [[(7, True)], [(7, True)], [(8, True)], [(8, True)], [(9, False)]]
    for number in (4, 3, 2, 1):
        assert revert(store, summaries[number].changeset_id) == []
        assert rows(store, columns) == states[number - 1]


def test_an_unreadable_flag_without_a_stored_value_publishes_nothing(store: Store, tmp_path: Path) -> None:
    write_story(tmp_path, "a.md", quality=7)
    import_folder(store, tmp_path, source="s")
    set_flag_texts(tmp_path, "published: flase", quality="many")
    import_folder(store, tmp_path, source="s")
    write_story(tmp_path, "a.md", quality=9)
    summary = import_folder(store, tmp_path, source="s")
    migrate.downgrade(store, "0021")
    migrate.upgrade(store)
    assert revert(store, summary.changeset_id) == []
    assert rows(store, sa.select(articles.c.published, *UPSTREAM)) == [(False, None, 70, False, None, None)]


def write_fronts(root: Path, fronts: Mapping[str, tuple[str, str | None]], *, words: str = "") -> None:
    """Write a story for each front matter that is not None. Other `words` make it another story."""
    (root / "_news").mkdir(exist_ok=True)
    for name, (quality, front) in fronts.items():
        if front is not None:
            text = f"---\ntitle: {words}{name}\nquality: {quality}\n{front}\n---\n{words}{name}\n"
            (root / "_news" / f"{name.replace(' ', '-').replace(',', '')}.md").write_text(text)


def set_flag_texts(root: Path, published: str, *, quality: str) -> None:
    """Replace the texts of a story's flags `published` and `quality`."""
    file = root / "_news" / "a.md"
    text = re.sub("(?m)^published: .*$", published, file.read_text())
    file.write_text(re.sub("(?m)^quality: .*$", f"quality: {quality}", text))
