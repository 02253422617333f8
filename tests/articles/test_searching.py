"""Full-text search on every engine: results, their order, snippets, and an index that stays up to date."""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any
from unicodedata import category, normalize

import pytest
import sqlalchemy as sa
from click.testing import Result

from curation.articles.listing import SEARCH_COLUMNS, search_articles
from curation.articles.searching import find_matches, index_queued, make_snippet, parse_query
from curation.articles.selecting import Filters, Selection, make_filter_conditions
from curation.backends.search_words import make_index_text, split_words
from curation.editing.flags import set_flags
from curation.editing.reverting import revert_changeset
from curation.importing.writing.articles import queue_for_search
from curation.store.database import Store
from curation.store.schema import articles, changesets, search_queue

from ..support.importing_helpers import import_folder, revert_one_import
from ..support.places import DATA, SITE
from ..support.rejoined_documents import parsed
from ..support.stores import ON_SQLITE

Curation = Callable[..., Result]

LEADER = "_news/2021-05-28-needle-rock-goes-led.md"

QUERIES = (
    "tide", "needle moths", "TIDE Table", '"tide table"', '"table tide"', '"needle rock" led', "light*", "agath*",
    '"tidewater to*"', '"tidewater to"*', "cafe", "CAFÉ", "cafa", "2021", "1 000", "keeper's", "keepers", "well-known",
    '"spring line"', "маяк", "ЧАЙКИ", "чаики", "갈매기*", "갈매", "휴전", "عامًا", "عاما", "عام", "المنارة", "Keeper's Log",
    "herring gulls", "Fresnel lenses", "zebra", "gull* barrier", "s", '"complaint after"',
    '"Tides Coast"', '"coast coastal engineering"', '"engineering coastal"',
)  # fmt: skip
DUMP_QUERIES = (
    "power", "power apps", '"power apps"', "canvas app", "POWERAPPS", "automat*", "365", "pokemon", "Pokémon",
    "what's", "don't", "low-code", "how-to", "メディア2", "こんな感じ", "ドロップ*", "感じ", "ディア", "ア", '"こんな 感じ"', "textinput", "ｔｅｘｔｉｎｐｕｔ",
    "diablo iv", '"diablo iv"', "diablo 4", "lilith", "necro*", "blizzard", "4th", "season* barbarian", "enregistrees",
    "IGN", '"Microsoft Power Apps"', "xyzzyplugh",
)  # fmt: skip

#: Queries with an engine's operators, and the plain queries that they must be equal to.
JUST_WORDS = {
    "led AND": "led and", "OR led": "or led", "NOT led": "not led", "NEAR(led": "near led", "^led": "led",
    "title:led": '"title led"', "led-lamp": '"led lamp"', "(led": "led", "led)": "led", '"led': "led", 'led"': "led",
    "* led": "led", "!led": "led", "led & rock": "led rock", "led | zebra": "led zebra", "\\led\\": "led",
    "'led'": "led", "led <-> zebra": "led zebra", "led:*": "led*", "led:A": '"led a"', "%led": "led", "led;--": "led",
    "{led}": "led", "+led": "led", "led\0rock": "led rock", "led\udcff": "led", ":*- led": "led",
}  # fmt: skip
LONG = " ".join(f"word{number}" for number in range(5_000))


#: A letter of a script without spaces between words, with its marks, or any other character. Only the scripts
#: of the samples are covered.
PIECE = re.compile(
    "[\u0e01-\u0e2f\u0e30-\u0e33\u0e40-\u0e46\u3040-\u30ff\u4e00-\u9fff々][\u0e31\u0e34-\u0e3a\u0e47-\u0e4e]*|."
)
STROKES = str.maketrans({"ł": "l", "ø": "o", "ß": "ss", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i", "ς": "σ"})
OPTIONAL = re.compile("[\u0591-\u05c7\u0610-\u061a\u0640\u064b-\u0652\u0670]")


def tokens(text: str) -> list[str]:
    """Split a text into words, one character at a time.

    A letter of a script without spaces is a word, and "|" stands for a space between two of them.
    """
    plain = re.sub("([A-Za-zøØłŁæÆ])[\u0300-\u036f]+", r"\1", normalize("NFD", text))
    plain = OPTIONAL.sub("", normalize("NFC", plain)).lower().translate(STROKES)
    found: list[str] = []
    before = " "
    for piece in PIECE.findall(" ".join(plain.split())):
        is_unit = PIECE.fullmatch(piece) is not None and (len(piece) > 1 or is_unspaced(piece))
        if is_unit:
            found += ["|"] * bool(found and before == " " and is_unspaced(found[-1][0])) + [piece]
        elif category(piece)[0] in "LN" or (category(piece)[0] == "M" and before != " "):
            starts = before == " " or is_unspaced(found[-1][0])
            if starts:
                found.append(piece)
            else:
                found[-1] += piece
        else:
            piece = " "
        before = piece
    return found


def is_unspaced(character: str) -> bool:
    return re.fullmatch("[\u0e01-\u0eff\u3040-\u30ff\u4e00-\u9fff々]", character) is not None


def parse_term(term: str) -> tuple[list[str], bool]:
    """Return the words of a term, and whether the last may be the beginning of a word."""
    words = tokens(term)
    return words, term.endswith("*") and not is_unspaced(words[-1][0])


def contains(field: list[str], words: list[str], is_prefix: bool) -> bool:
    """Return whether a field has these words in a row; the last may be a beginning."""
    *first, last = words
    at = len(first)
    if not is_prefix:
        return last in field and any(field[i : i + at + 1] == words for i in range(len(field) - at))
    return any(word.startswith(last) and field[i : i + at] == first for i, word in enumerate(field[at:]))


def scan(documents: dict[str, list[list[str]]], query: str) -> set[str]:
    """Return the paths of the documents that contain all terms of a query."""
    wanted = [parse_term(a + b + c) for a, b, c in re.findall(r'"([^"]*)"(\*?)|(\S+)', query)]
    return {
        path
        for path, fields in documents.items()
        if all(any(contains(f, *t) for f in fields) for t in wanted)
    }


def read_documents(root: Path) -> dict[str, list[list[str]]]:
    """Return the words of each field of each document of a dump, without using the package."""
    documents = {}
    for file in root.glob("_*/**/*.*"):
        path = file.relative_to(root)
        if file.suffix in (".md", ".html") and path.parts[0] != "_data":
            fields = parsed(file)
            texts = [fields.get("title") or fields.get("name"), fields.get("excerpt") or fields.get("bio")]
            texts.append((fields.get("provider") or {}).get("name"))
            texts.append(" ".join(filter(None, fields.get("topics") or ())))
            texts.append(file.read_text("utf-8-sig").split("\n---", 1)[1])
            documents[str(path)] = [tokens(text or "") for text in texts]
    return documents


def write_document(root: Path, name: str, *, title: str = "", excerpt: str = "", body: str = "") -> None:
    file = root / "_news" / f"2024-01-01-{name}.md"
    file.parent.mkdir(parents=True, exist_ok=True)
    fields = {
        "title": title or name,
        "excerpt": excerpt,
        "webUrl": f"https://a.example/{name}",
        "quality": 50,
    }
    fields |= {"category": "news", "type": "article", "publishedDateTime": "2024-01-01T00:00:00Z"}
    front = "".join(f"{key}: {value}\n" for key, value in fields.items())
    file.write_text(f"---\n{front}---\n\n{body}\n")


def revert_last(store: Store) -> None:
    """Revert the newest import."""
    last = sa.select(changesets.c.id).where(changesets.c.kind == "import").order_by(changesets.c.id.desc())
    with store.reading() as connection:
        changeset_id = connection.scalars(last.limit(1)).one()
    revert_one_import(store, changeset_id, actor="tester")


@pytest.fixture
def filled(imported: Store, site: Path) -> Store:
    return imported


def found(store: Store, query: str) -> set[str]:
    index_queued(store)
    with store.reading() as connection:
        wanted = make_filter_conditions(connection, Filters(search=query))
        return set(connection.scalars(sa.select(articles.c.path).where(*wanted)))


def search_rows(store: Store, query: str) -> list[dict[str, Any]]:
    """Return the rows that `curation search` prints."""
    index_queued(store)
    with store.reading() as connection:
        return [
            dict(zip(SEARCH_COLUMNS, row, strict=True))
            for row in search_articles(connection, query, Filters())
        ]


def queued(store: Store) -> int | None:
    with store.reading() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(search_queue))


def compare(store: Store, root: Path, queries: Sequence[str]) -> None:
    documents = read_documents(root)
    ours = {query: found(store, query) for query in queries}
    assert ours == {query: scan(documents, query) for query in queries}
    assert sum(map(bool, ours.values())) > len(queries) // 4  # enough queries find something


def test_queries_find_what_a_scan_of_the_site_finds(filled: Store) -> None:
    compare(filled, SITE, QUERIES)


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason=f"no real dumps at {DATA}")
@pytest.mark.parametrize(("archive", "name"), [("powerapps", "powerapps"), ("diablo4-snapshots", "03")])
def test_queries_find_what_a_scan_of_a_dump_finds(
    store: Store, tmp_path: Path, archive: str, name: str
) -> None:
    with tarfile.open(DATA / f"{archive}.tar.gz") as packed:
        packed.extractall(tmp_path, filter="data")
    import_folder(store, tmp_path / name)
    compare(store, tmp_path / name, DUMP_QUERIES)


TEXTS = {
    "japanese": ("東京タワーの夜景", "日本語の全文検索。東京都、iPhone用ケース、京都 駅前"),
    "chinese": ("搜索引擎", "我们在北京大学学习。"),
    "thai": ("กินข้าวที่บ้าน", "ภาษาไทยไม่มีช่องว่าง"),
    "khmer": ("ភ្នំពេញ", "ខ្មែរ"),
    "hindi": ("काल", "हिन्दी में क़लम और किताबें"),
    "tamil": ("தமிழ் மொழி", "கால்"),
    "arabic": ("مَرْحَبًا", "العَرَبِيَّة، أحمد محـــمد"),
    "persian": ("می‌خواهم", "x"),
    "hebrew": ("שָׁלוֹם", "x"),
    "polish": ("Łódź i żółw", "x"),
    "german": ("STRAẞE, Straße, Größe", "x"),
    "nordic": ("Smørrebrød Ærø Þingvellir", "Ǿ, Đorđe, Œuvre, ırmak"),
    "plain": ("Needle rock", "hy\u00adphen, cafe\u0301 ǆ, нёс, нёс"),
}

#: Queries, and the names in `TEXTS` of the documents that they find.
DOCUMENTS_BY_QUERY = {
    "夜景": "japanese", "東京": "japanese", "東京*": "japanese", "全文検索": "japanese", "京タ": "japanese", "景": "japanese",
    "検": "japanese", "東京タワーの夜景": "japanese", "東京夜景": "", "東京 夜景": "japanese", '"東京 夜景"': "", "iphone": "japanese",
    "iPhone用": "japanese", "phone用": "", "用ケース": "japanese", '"京都 駅前"': "japanese", "京都駅": "", '"東京都 iphone"': "japanese",
    "大学": "chinese", "北京大学": "chinese", "学习": "chinese", "大学习": "", "ข้าว": "thai", "บ้าน": "thai", "บาน": "",
    "ไทย": "thai", "พេញ": "", "ពេញ": "khmer", "किल": "", "काल": "hindi", "किता": "", "किता*": "hindi", "क़लम": "hindi",
    "कलम": "", "தமிழ்": "tamil", "தமிழ": "", "கால்": "tamil", "مرحبا": "arabic", "مَرْحَبًا": "arabic", "العربية": "arabic",
    "محمد": "arabic", "خواهم": "persian", "שלום": "hebrew", "lodz": "polish", "ŁÓDŹ": "polish", "zolw": "polish",
    "strasse": "german", "straße": "german", "grosse": "german", "groß*": "german", "smorrebrod": "nordic", "aero": "nordic",
    "thingvellir": "nordic", "o": "nordic", "dorde": "nordic", "œuvre": "nordic", "irmak": "nordic", "hyphen": "plain",
    "CAFÉ": "plain", "нёс": "plain", "нес": "", "needle": "plain",
}  # fmt: skip


def test_words_of_every_script_are_found(store: Store, tmp_path: Path) -> None:
    for name, (title, body) in TEXTS.items():
        write_document(tmp_path, name, title=f'"{title}"', body=body)
    import_folder(store, tmp_path)
    ours = {
        query: " ".join(sorted(p[len("_news/2024-01-01-") : -3] for p in found(store, query)))
        for query in DOCUMENTS_BY_QUERY
    }
    assert ours == DOCUMENTS_BY_QUERY


@ON_SQLITE
def test_the_index_splits_unchanged_texts_as_we_do(store: Store) -> None:
    """Texts without marks and without letters of scripts without spaces are indexed unchanged in SQLite."""
    texts = [f"ab{chr(n)}Cd" for n in (*range(1, 0xD800), *range(0xE000, 0x20000)) if chr(n).isprintable()]
    texts = [text for text in texts if make_index_text(text) == text]
    assert len(texts) > 13_000
    with store.writing() as connection:
        driver: Any = connection.connection.driver_connection
        driver.executemany("INSERT INTO article_search (rowid, body) VALUES (?, ?)", enumerate(texts))
        driver.execute("CREATE VIRTUAL TABLE temp.indexed USING fts5vocab(main, article_search, instance)")
        read: list[list[str]] = [[] for _ in texts]
        for word, number in driver.execute("SELECT term, doc FROM temp.indexed ORDER BY doc, offset"):
            read[number].append(word)
        connection.rollback()
    # Texts and queries are folded alike, at the latest in the index. That may concern the micro sign.
    assert [(text, found) for text, found in zip(texts, read, strict=True) if found != split_words(text)] in (
        [],
        [("abµCd", ["abμcd"])],
    )


@pytest.mark.parametrize("text", ["夜の景色を見に行く。" * 2_000, "かな" * 40_000, "किल काल " * 20_000])
def test_a_large_body_of_any_script_is_found_by_its_beginning(
    store: Store, tmp_path: Path, text: str
) -> None:
    write_document(tmp_path, "large", body=f"東京タワー。{text}")
    import_folder(store, tmp_path)
    [row] = search_rows(store, "京タワ")
    assert row["found"].startswith("東[京タワ]ー。")


def test_operators_of_engines_are_plain_words(filled: Store) -> None:
    ours = {query: found(filled, query) for query in JUST_WORDS}
    assert ours == {query: found(filled, same) for query, same in JUST_WORDS.items()}
    assert sum(map(bool, ours.values())) > len(ours) // 2


def test_odd_words_are_no_error(filled: Store) -> None:
    odd = ("Ⅷ*", "½*", "ℵ*", "𝕏*", "नमस्ते*", "x" * 5_000 + "*", "ªº*", LONG)
    assert [found(filled, query) for query in odd] == [set()] * len(odd)


def test_symbols_of_any_unicode_version_separate_words(store: Store, tmp_path: Path) -> None:
    write_document(tmp_path, "a", title="Thumb👍🏻 up 🤔", body="Great🙂 news 🤑 really⹝so; thumb up🫠great.")
    import_folder(store, tmp_path)
    queries = ("great", '"news really"', "so", "thumb", '"up great"')
    assert [query for query in queries if len(found(store, query)) != 1] == []


def test_a_changed_file_is_found_by_its_new_text(filled: Store, site: Path) -> None:
    others = found(filled, "moths") - {LEADER}
    file = site / LEADER
    file.write_text(file.read_text().replace("moths", "zebras"))
    import_folder(filled, site)
    assert (found(filled, "moths"), found(filled, "zebras")) == (others, {LEADER})


def test_reverting_an_import_restores_the_old_text(filled: Store, site: Path) -> None:
    before = found(filled, "moths")
    file = site / LEADER
    file.write_text(file.read_text().replace("moths", "zebras"))
    write_document(site, "added", body="Zebras, too.")
    import_folder(filled, site)
    assert len(found(filled, "zebras")) == 2
    revert_last(filled)
    assert (found(filled, "moths"), found(filled, "zebras")) == (before, set())
    with filled.reading() as connection:
        assert connection.execute(find_matches(connection, "zebras")).all() == []


def test_an_article_whose_file_is_missing_is_found_as_before(filled: Store, site: Path) -> None:
    before = search_rows(filled, "moths")
    (site / LEADER).unlink()
    import_folder(filled, site)
    assert search_rows(filled, "moths") == before != []


def test_indexing_again_changes_nothing(filled: Store) -> None:
    before = search_rows(filled, "tide*")
    assert search_rows(filled, "tide*") == before != []
    with filled.writing() as connection:
        queue_for_search(connection, connection.scalars(sa.select(articles.c.id)).all())
    assert (search_rows(filled, "tide*"), queued(filled)) == (before, 0)


def test_a_reused_id_is_not_found_by_the_old_text(store: Store, tmp_path: Path) -> None:
    write_document(tmp_path / "one", "old", body="Zebras.")
    import_folder(store, tmp_path / "one")
    assert len(found(store, "zebras")) == 1
    revert_last(store)
    write_document(tmp_path / "two", "new", body="Moths.")
    import_folder(store, tmp_path / "two")
    assert (found(store, "zebras"), len(found(store, "moths"))) == (set(), 1)


def test_an_article_deleted_before_indexing_is_no_error(store: Store, tmp_path: Path) -> None:
    write_document(tmp_path, "old", body="Zebras.")
    import_folder(store, tmp_path)
    revert_last(store)
    assert (found(store, "zebras"), queued(store)) == (set(), 0)


def test_flags_are_not_in_the_index(filled: Store) -> None:
    before = found(filled, "needle")
    with filled.writing() as connection:
        edit = set_flags(connection, Selection([LEADER]), {"quality": 9}, actor="ann", reason="")
    assert (queued(filled), edit.changed) == (0, 1)
    with filled.writing() as connection:
        revert_changeset(connection, edit.changeset_id or 0, actor="ann")
    assert (queued(filled), found(filled, "needle")) == (0, before)


def test_two_processes_index_the_queue_at_once(filled: Store) -> None:
    database = filled.backend.url.render_as_string(hide_password=False)

    def run() -> None:
        other = Store(database)
        index_queued(other)
        other.engine.dispose()

    with ThreadPoolExecutor(2) as pool:
        with filled.writing() as connection:  # both wait, then continue at the same time
            connection.execute(sa.select(search_queue).with_for_update()).all()
            runs = [pool.submit(run), pool.submit(run)]
            wait(runs, timeout=0.5)
        assert [running.result() for running in runs] == [None, None]
    assert (queued(filled), LEADER in found(filled, "needle")) == (0, True)


@pytest.mark.parametrize(
    "body",
    ["first " + "lorem ipsum dolor sit amet " * 40_000,
     "first " + " ".join(f"word{number}" for number in range(20_000)),
     "first " + " ".join(f"{chr(0xAC00 + n % 11_000)}{chr(0xAC00 + n // 9)}갈매기" for n in range(90_000))],
    ids=["1 MB", "20,000 words", "1 MB of other words in Hangul"],
)  # fmt: skip
def test_a_large_body_is_found_by_a_word_at_its_beginning(store: Store, tmp_path: Path, body: str) -> None:
    write_document(tmp_path, "large", body=body)
    import_folder(store, tmp_path)
    [row] = search_rows(store, "first")
    assert row["found"].startswith("[first] ")


def test_a_hit_in_a_title_ranks_before_one_in_a_body(store: Store, tmp_path: Path) -> None:
    write_document(tmp_path, "a", title="Gulls", body="A zebra, another zebra and a third zebra.")
    write_document(
        tmp_path, "b", title="A zebra", body="It is striped, and there is far more to say about it."
    )
    write_document(tmp_path, "c", title="Moths", excerpt="Of a zebra.")
    import_folder(store, tmp_path)
    assert [row["title"] for row in search_rows(store, "zebra")] == ["A zebra", "Moths", "Gulls"]


@pytest.mark.parametrize(
    ("query", "fields", "shown"),
    [("led", ("It goes LED.",), "It goes [LED]."),
     ("cafe", ("A Café, a CAFE\u0301.",), "A [Café], a [CAFE\u0301]."),
     ('"tide table"', ("A table, a tide\ntable.",), "A table, a [tide table]."),
     ("light*", ("Lighthouses, lit.",), "[Lighthouses], lit."),
     ("no* now", ("Now, nowhere.",), "[Now], [nowhere]."),
     ("tide moon", ("The tide.", "The moon and the tide.", "The moon."), "The [moon] and the [tide]."),
     ("tide", (None, "", "A tide.", "A tide, too."), "A [tide]."),
     ("Keeper", ("Said elsewhere.", "And here."), "Said elsewhere."),
     ("tide", (), ""),
     ("tide", ("a " * 50 + "tide " + "b " * 50,), "…" + "a " * 8 + "[tide]" + " b" * 15 + "…"),
     ("tide", ("tide " + "b " * 50,), "[tide]" + " b" * 23 + "…"),
     ("夜景", ("東京タワーの夜景です",), "東京タワーの[夜景]です"),
     ("景", ("夜景です。",), "夜[景]です。"),
     ("です", ("夜景です。",), "夜景[です]。"),
     ("東京タワー", ("東京タワーの東京タワ",), "[東京タワー]の東京タワ"),
     ("مرحبا", ("مَرْحَبًا بك",), "[مَرْحَبًا] بك"),
     ("strasse", ("Die Straße.",), "Die [Straße].")],
)  # fmt: skip
def test_matches_are_between_marks(query: str, fields: tuple[str | None, ...], shown: str) -> None:
    assert make_snippet(parse_query(query), fields, ("[", "]")) == shown


def test_the_command_prints_json(filled: Store, curation: Curation) -> None:
    rows = json.loads(curation("search", "tide*", "--format", "json").stdout)
    assert {row["path"] for row in rows} == found(filled, "tide*")
    limited = json.loads(curation("search", "tide*", "--limit", "2", "--format", "json").stdout)
    assert limited == rows[:2]
    assert limited[0]["found"].count("[") == limited[0]["found"].count("]") > 0


def test_filters_narrow_a_search_and_leave_its_order(filled: Store, curation: Curation) -> None:
    rows = json.loads(curation("search", "tide*", "--format", "json").stdout)
    narrowed = curation("search", "tide*", "--published", "--quality", "..70", "--format", "json")
    wanted = [row for row in rows if row["published"] and (row["quality"] or 99) <= 70]
    assert json.loads(narrowed.stdout) == wanted
    assert 0 < len(wanted) < len(rows)


def test_control_characters_in_snippets_are_escaped(store: Store, tmp_path: Path, curation: Curation) -> None:
    write_document(tmp_path, "a", title="Zebras", body="A zebra \x1b[2J\x1b]0;owned\x07 \x9b5m and \u202e.")
    import_folder(store, tmp_path)
    for form in ("table", "csv", "tsv", "markdown", "json", "jsonl"):
        shown = curation("search", "zebra", "--format", form).stdout
        assert "[zebra]" in shown
        assert re.findall("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", shown) == []


def test_a_list_is_filtered_by_a_search(filled: Store, curation: Curation) -> None:
    result = curation("list", "--search", '"needle rock"', "--unpublished", "--format", "json")
    hidden = json.loads(curation("list", "--unpublished", "--format", "json").stdout)
    shown = {row["path"] for row in json.loads(result.stdout)}
    assert shown == found(filled, '"needle rock"') & {row["path"] for row in hidden} != set()


def test_a_search_selects_articles_to_set(filled: Store, curation: Curation) -> None:
    result = curation("set", "--search", "moths", "--quality", "3", "--dry-run")
    assert (result.exit_code, LEADER in result.output) == (0, True)
    assert json.loads(curation("list", "--quality", "3", "--format", "json").stdout) == []


@pytest.mark.parametrize("arguments", [["search", "*"], ["search", '"', "-"], ["list", "--search", "&!|:()"]])
def test_a_query_without_a_word_is_an_error_of_one_line(curation: Curation, arguments: list[str]) -> None:
    result = curation(*arguments)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert "no word to search for" in result.stderr
