"""`curation export articles`: the rows agree with the tables and with the schema, on every engine."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from click.testing import Result
from pyarrow import parquet

from curation.articles.selecting import Filters
from curation.exporting.rows import NAMES, find_columns, read_rows
from curation.flags import FLAGS
from curation.store.database import Store
from curation.store.schema import articles

from ..support.cases import some
from ..support.editing_helpers import LEADER, VETOED, edit_flags, rows
from ..support.importing_helpers import import_folder, write_story
from ..support.synthetic_store import fill

Curation = Callable[..., Result]

#: Columns of `articles` that users may rely on.
PROMISED = str.split(
    """id source_id path collection slug category type title excerpt body published_at updated_at original_url
    web_url amp_web_url cdn_amp_web_url canonical_url provider_id featured_content quality heat published removed
    upstream_quality upstream_heat upstream_published upstream_removed extra content_hash first_import_id
    last_import_id missing_since"""
)


def lines(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def exported(run: Curation, *options: str) -> list[dict[str, Any]]:
    return lines(run("export", "articles", "--format", "jsonl", *options))


def query_rows(run: Curation, sql: str) -> list[dict[str, Any]]:
    """Return the rows of a query by `curation sql`, which shares only the output formats with the export."""
    return lines(run("sql", sql, "--format", "jsonl"))


@pytest.fixture
def varied_store(filled: Store, curation: Curation, site: Path) -> Curation:
    """A store with an override of every flag, two sources, and a missing article."""
    edit_flags(filled, LEADER, quality=80, published=0)
    edit_flags(filled, VETOED, heat=-7, removed=0)
    import_folder(filled, site, source="copy")
    (site / LEADER).unlink()
    import_folder(filled, site, source="copy")
    return curation


def test_columns_of_articles_have_the_values_of_the_table(varied_store: Curation, store: Store) -> None:
    found = exported(varied_store)
    assert set(PROMISED) <= set(NAMES)
    wanted = sa.select(*(articles.c[name] for name in PROMISED), sa.literal(0)).order_by(articles.c.id)
    by_id = {row["id"]: row for row in found}
    assert len(by_id) == len(found) == 100
    for row in rows(store, wanted):
        for name, value in zip(PROMISED, row, strict=False):
            if isinstance(value, dt.datetime):
                assert dt.datetime.fromisoformat(by_id[row[0]][name]) == value, name
            else:
                assert by_id[row[0]][name] == value, name


def test_lists_of_articles_are_complete_and_in_order(varied_store: Curation) -> None:
    found = {row["id"]: row for row in exported(varied_store)}
    for column, field, sql in (
        ("topics", None, "SELECT article_id, t.name AS v FROM article_topics x JOIN topics t ON t.id = topic_id"),
        ("authors", None, "SELECT article_id, name AS v FROM article_authors x"),
        ("images", "url", "SELECT article_id, url AS v FROM article_images x JOIN images i ON i.id = image_id"),
        ("images", "width", "SELECT article_id, width AS v FROM article_images x JOIN images i ON i.id = image_id"),
        ("related", "title", "SELECT article_id, title AS v FROM related_links x"),
        ("related", "web_url", "SELECT article_id, web_url AS v FROM related_links x"),
        ("related", "quality", "SELECT article_id, quality AS v FROM related_links x"),
        ("related", "target_id", "SELECT article_id, target_id AS v FROM related_links x"),
        ("related", "type", "SELECT article_id, type AS v FROM related_links x"),
        ("related", "provider",
         "SELECT article_id, p.name AS v FROM related_links x LEFT JOIN providers p ON p.id = x.provider_id"),
        ("related", "domain",
         "SELECT article_id, p.domain AS v FROM related_links x LEFT JOIN providers p ON p.id = x.provider_id"),
        ("related", "target_path",
         "SELECT article_id, a.path AS v FROM related_links x LEFT JOIN articles a ON a.id = x.target_id"),
        ("items", "item_path", "SELECT article_id, item_path AS v FROM collection_items x"),
        ("items", "target_path",
         "SELECT article_id, a.path AS v FROM collection_items x LEFT JOIN articles a ON a.id = x.item_id"),
    ):  # fmt: skip
        wanted: dict[int, list[Any]] = {key: [] for key in found}
        for row in query_rows(varied_store, f"{sql} ORDER BY article_id, position"):
            wanted[row["article_id"]].append(row["v"])
        values = {key: [v if field is None else v[field] for v in row[column]] for key, row in found.items()}
        assert values == wanted, (column, field)
        assert any(values.values()), (column, field)
    shown = {row["id"]: (row["source"], row["provider"], row["domain"]) for row in found.values()}
    named = query_rows(
        varied_store,
        "SELECT a.id, s.name AS source, p.name AS provider, domain FROM articles a"
        " JOIN sources s ON s.id = source_id LEFT JOIN providers p ON p.id = provider_id",
    )
    assert shown == {row["id"]: (row["source"], row["provider"], row["domain"]) for row in named}


def test_overrides_and_effective_values_are_exported(varied_store: Curation) -> None:
    [leader] = [row for row in exported(varied_store, "--source", "site") if row["path"] == LEADER]
    assert [leader[f"override_{flag}"] for flag in FLAGS] == [80, None, False, None]
    assert [leader[flag] for flag in FLAGS] == [80, 122, False, False]
    [vetoed] = [row for row in exported(varied_store, "--source", "site") if row["path"] == VETOED]
    assert [vetoed[f"override_{flag}"] for flag in FLAGS] == [None, -7, None, False]
    assert len(exported(varied_store, "--overridden")) == 2


def test_rows_are_ordered_by_source_and_path(varied_store: Curation) -> None:
    keys = [(row["source"], row["path"]) for row in exported(varied_store)]
    assert keys == sorted(keys)


def test_missing_articles_are_exported_and_marked(varied_store: Curation) -> None:
    [gone] = [row for row in exported(varied_store) if row["missing_since"]]
    assert (gone["source"], gone["path"]) == ("copy", LEADER)
    assert exported(varied_store, "--missing") == [gone]


@pytest.mark.parametrize(
    ("options", "kept"),
    some([
        (["--source", "site", "--collection", "learning"], lambda row: row["source"] == "site"),
        (["--type", "video", "--type", "course"], lambda row: row["type"] in ("video", "course")),
        (["--topic", "Tides"], lambda row: "Tides" in row["topics"]),
        (["--quality", "60..", "--published"], lambda row: row["quality"] >= 60 and row["published"]),
        (["--domain", "keeperslog.example"], lambda row: row["domain"] == "keeperslog.example"),
        (["--since", "2022-01-01"], lambda row: row["published_at"] >= "2022"),
        (["--search", "lighthouse"], lambda row: True),
    ]),
)  # fmt: skip
def test_filters_select_articles(
    varied_store: Curation, options: list[str], kept: Callable[[dict[str, Any]], bool]
) -> None:
    found = exported(varied_store, *options)
    listed = lines(varied_store("list", *options, "--columns", "id", "--format", "jsonl"))
    assert {row["id"] for row in found} == {row["id"] for row in listed}
    assert 0 < len(found) < 100
    assert all(map(kept, found))


# --- the schema ------------------------------------------------------------------------------------------

_TYPES: dict[str, tuple[type, ...]] = {
    "integer": (int,), "boolean": (bool,), "text": (str,), "instant": (str,), "JSON": (dict,),
    "list of text": (list,), "list of objects": (list,),
}  # fmt: skip


def test_the_schema_has_the_names_and_types_of_the_rows(varied_store: Curation) -> None:
    schema = lines(varied_store("export", "articles", "--schema", "--format", "jsonl"))
    assert all(row["meaning"] for row in schema)
    types = {row["column"]: row["type"] for row in schema}
    found = exported(varied_store)
    assert list(found[0]) == [name for name in types if "[]" not in name]
    seen = set()
    for row in found:
        cells = list(row.items())
        for name in ("images", "related", "items"):
            for entry in row[name]:
                assert [f"{name}[].{field}" for field in entry] == [
                    n for n in types if n.startswith(f"{name}[]")
                ]
                cells += [(f"{name}[].{field}", value) for field, value in entry.items()]
        for name, value in cells:
            if value is not None:
                assert type(value) in _TYPES[types[name]], name
                assert types[name] != "instant" or dt.datetime.fromisoformat(value).tzinfo == dt.UTC
                assert types[name] != "list of text" or {type(v) for v in value} <= {str}
                seen.add(name)
    # The sample site has no values for these.
    assert set(types) - seen <= {"amp_web_url", "cdn_amp_web_url", "featured_content", "images[].title",
                                 "images[].attribution", "override_heat", "upstream_removed"}  # fmt: skip


def test_the_schema_needs_no_store_and_describes_columns_as_tables_do(
    curation: Curation, tmp_path: Path
) -> None:
    from click.testing import CliRunner

    from curation.cli import cli

    nowhere = CliRunner().invoke(
        cli, ["--database", str(tmp_path / "no.db"), "export", "articles", "--schema"]
    )
    assert nowhere.exit_code == 0, nowhere.output
    meanings_of_tables = {
        row["column"]: row["meaning"]
        for row in lines(curation("db", "tables", "articles", "--format", "jsonl"))
    }
    meanings = {column.name: column.meaning for column in find_columns()}
    assert {name: meanings[name] for name in PROMISED} == {
        name: meanings_of_tables[name] for name in PROMISED
    }


# --- formats ---------------------------------------------------------------------------------------------

NASTY = '"\\x9b\\u202e=1+1,\\t\\r\\n\\"x\\" \U0001f600 \\x1b[31m"'


@pytest.fixture
def hostile(store: Store, curation: Curation, tmp_path: Path) -> Curation:
    """Two articles whose texts are difficult for formats; `secured` must never be exported."""
    folder = tmp_path / "hostile" / "_news"
    folder.mkdir(parents=True)
    for n in (1, 2):
        (folder / f"{n}.md").write_text(
            f"---\ntitle: {NASTY}\nexcerpt: '=cmd|x'\nquality: {2**63 - n}\n"
            f"publishedDateTime: 0001-01-0{n}T00:00:00Z\ntopics: [{NASTY}, '=1']\nodd: {NASTY}\n"
            f"provider:\n  name: {NASTY}\n  domain: x.example\n  authors:\n  - name: {NASTY}\n"
            f"secured: TELL-NOBODY\nimages:\n- url: {NASTY}\n  width: 9\n"
            f"related:\n- title: {NASTY}\n  webUrl: https://a.example/\n---\n=body\n"
        )
    import_folder(store, tmp_path / "hostile", source="s")
    return curation


NAMED = ("rows.jsonl", "rows.json", "rows.csv", "rows.tsv", "rows.parquet", "rows.csv.gz", "rows.jsonl.gz")


def test_texts_survive_in_every_format(hostile: Curation, tmp_path: Path) -> None:
    title = '\x9b\u202e=1+1,\t\r\n"x" \U0001f600 \x1b[31m'
    for name in NAMED:
        raw = ["--raw"] if ".csv" in name or ".tsv" in name else []
        assert hostile("export", "articles", str(tmp_path / name), *raw).exit_code == 0
        for n, row in enumerate(read(tmp_path / name), 1):
            assert row["title"] == title, name
            assert (int(row["quality"]), row["excerpt"], row["body"]) == (2**63 - n, "=cmd|x", "=body"), name
            assert row["topics"] == [title, "=1"], name
            assert row["images"][0]["url"] == row["related"][0]["title"] == title, name
            assert row["extra"]["odd"] == title, name
    for file in tmp_path.glob("rows.*"):
        content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        assert b"TELL-NOBODY" not in content, file


def read(file: Path) -> list[dict[str, Any]]:
    """Return the rows of a file, read independently of the project."""
    if file.suffix == ".parquet":
        found: list[dict[str, Any]] = parquet.read_table(file).to_pylist()
        return [row | {"extra": json.loads(row["extra"])} for row in found]
    opened = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    name = file.name.removesuffix(".gz")
    if name.endswith(".json"):
        return list(json.loads(opened))
    if name.endswith(".jsonl"):
        return [json.loads(line) for line in opened.decode().split("\n")[:-1]]
    separated = csv.DictReader(
        io.StringIO(opened.decode(), newline=""), delimiter="\t" if "tsv" in name else ","
    )
    lists = ("topics", "authors", "images", "related", "items", "extra")
    return [dict(row) | {name: json.loads(row[name]) for name in lists} for row in separated]


def test_lists_in_cells_are_escaped_json(hostile: Curation) -> None:
    text = hostile("export", "articles", "--format", "csv").stdout
    assert not {"\x1b", "\x9b", "\u202e", "\r"} & set(text)
    for row in csv.DictReader(io.StringIO(text, newline="")):
        assert json.loads(row["topics"])[0].startswith("\x9b\u202e=1+1")
        assert json.loads(row["extra"])["odd"].startswith("\x9b\u202e")
        assert row["excerpt"] == "'=cmd|x"


def test_parquet_always_has_the_types_of_the_schema(varied_store: Curation, tmp_path: Path) -> None:
    files = {name: tmp_path / f"{name}.parquet" for name in ("all", "few", "none")}
    varied_store("export", "articles", str(files["all"]))
    varied_store("export", "articles", str(files["few"]), "--type", "course")
    varied_store("export", "articles", str(files["none"]), "--since", "2999-01-01")
    schemas = {name: parquet.read_schema(file) for name, file in files.items()}
    assert schemas["all"] == schemas["few"] == schemas["none"]
    assert parquet.read_table(files["none"]).num_rows == 0
    types = {"integer": pa.int64(), "boolean": pa.bool_(), "instant": pa.timestamp("us", tz="UTC"),
             "text": pa.string(), "JSON": pa.string(), "list of text": pa.list_(pa.string())}  # fmt: skip
    for row in lines(varied_store("export", "articles", "--schema", "--format", "jsonl")):
        name, _, field = row["column"].partition("[].")
        kind = schemas["all"].field(name).type
        if row["type"] == "list of objects":
            assert pa.types.is_list(kind)
        else:
            assert (kind.value_type.field(field).type if field else kind) == types[row["type"]], row
    found = {row["id"]: row for row in parquet.read_table(files["all"]).to_pylist()}
    for row in exported(varied_store):
        assert json.loads(found[row["id"]].pop("extra")) == row.pop("extra")
        assert json.loads(json.dumps(found[row["id"]], default=instant)) == row


def instant(value: dt.datetime) -> str:
    return value.replace(tzinfo=None).isoformat() + "Z"


def test_an_empty_store_gives_columns_and_no_rows(curation: Curation) -> None:
    result = curation("export", "articles", "--format", "csv")
    assert (result.exit_code, result.stdout.strip().split(",")) == (0, list(NAMES))
    assert exported(curation) == []


def test_the_body_can_be_left_out(varied_store: Curation) -> None:
    with_body, without = exported(varied_store)[0], exported(varied_store, "--no-body")[0]
    assert with_body.pop("body")
    assert with_body == without


def test_a_file_is_named_once(filled: Store, curation: Curation, tmp_path: Path) -> None:
    named, other = str(tmp_path / "a.csv"), str(tmp_path / "b.csv")
    assert curation("export", "articles", named).stderr == f"50 articles in {named}\n"
    assert curation("export", "articles", "--output", other).exit_code == 0
    assert Path(named).read_text() == Path(other).read_text()
    assert curation("export", "articles", "-", "--format", "csv").stdout == Path(named).read_text()
    twice = curation("export", "articles", named, "--output", other)
    assert (twice.exit_code, "give FILE or --output, not both" in twice.stderr) == (2, True)
    assert curation("export", "articles", str(tmp_path / "no" / "a.csv")).exit_code == 2
    assert curation("export", "articles", str(tmp_path / "a.xyz")).exit_code == 2


# --- queries --------------------------------------------------------------------------------------------


def test_rows_are_read_in_chunks_and_without_documents(store: Store) -> None:
    fill(store, 2_000)
    statements: list[str] = []
    sa.event.listen(
        store.engine, "before_cursor_execute", lambda c, cur, sql, p, ctx, many: statements.append(sql)
    )
    with store.reading() as connection:
        count, found = read_rows(connection, Filters())
        before = len(statements)
        next(iter(found))
        a_chunk = len(statements) - before
        assert sum(1 for _ in found) == count - 1 == 1_999
    assert a_chunk < 10
    assert len(statements) - before == 4 * a_chunk
    assert not [sql for sql in statements if "documents" in sql]


def test_rows_are_from_one_snapshot(store: Store, tmp_path: Path) -> None:
    """An import while rows are read changes none of them."""
    for n in range(600):
        write_story(tmp_path, f"{n:03}.md", quality=1)
    import_folder(store, tmp_path, source="s")
    with store.reading() as connection:
        _, found = read_rows(connection, Filters())
        at = NAMES.index("quality")
        first = next(iter(found))
        write_story(tmp_path, "599.md", quality=2)
        import_folder(store, tmp_path, source="s")
        assert {row[at] for row in [first, *found]} == {1}
