"""Dangerous text is stored unchanged, and is harmless in every format that a command prints."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from markdown_it import MarkdownIt

from curation.cli.output import TEXT_FORMATS
from curation.store.database import Store

from ..support.cases import some

#: Control sequences: clear the screen, set a title, a link, and their C1 forms.
TERMINAL = "\x1b[2J\x1b]0;owned\x07\x1b]8;;javascript:alert(1)\x1b\\\x9b31m\x9d0;x\x9c\x08\x7f"
BIDI = "\u202e\u202d\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
CONTROLS = {sign for sign in TERMINAL + BIDI if not sign.isprintable()}

HTML = "<script>alert(1)</script><img src=x onerror=alert(1)>[x](javascript:alert(1))![x](data:text/html,x)`a`|<!--"
SQL = "'; DROP TABLE articles; --"
FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0", "-2+3")
URLS = (
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "\tjavascript:alert(1)",
    "java\nscript:alert(1)", "\x01javascript:alert(1)", "javascript://example.com/%0aalert(1)",
    "data:text/html,<script>alert(1)</script>", "data:text/html;base64,PHNjcmlwdD4=", "file:///etc/passwd",
    "FILE://host/share", "vbscript:x", "//example.com/x", "/relative", "ftp://example.com/x", "http:", "https:///x",
)  # fmt: skip


def article(title: str, body: str = "Body.", **fields: str) -> str:
    """Return a document with these fields, as JSON values, which are valid YAML."""
    front_matter = "".join(
        f"{key}: {json.dumps(value)}\n" for key, value in {"title": title, **fields}.items()
    )
    return f"---\n{front_matter}---\n{body}\n"


def every_text(text: str) -> str:
    """Return a document with this text in every text field, and with a warning and a notice."""
    value = json.dumps(text)
    return (
        f"---\ntitle: {value}\nexcerpt: {value}\ncategory: {value}\ntype: {value}\nslug: {value}\nheat: {value}\n"
        f"published: yes\noriginalUrl: {value}\nwebUrl: {value}\nfeaturedContent: {value}\n{value}: .nan\n"
        f"price: {{{value}: {value}}}\nprovider: {{name: {value}, domain: {value}, authors: [{{name: {value}}}]}}\n"
        f"topics: [{value}]\nimages: [{{url: {value}, title: {value}}}]\nrelated: [{{title: {value}, webUrl: {value}}}]\n"
        f"---\n{text.replace(chr(13), '')}\n"
    )


@pytest.fixture
def news(tmp_path: Path) -> Path:
    folder = tmp_path / "site" / "_news"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def import_files(news: Path, curation: Callable[..., Result]) -> Callable[..., Result]:
    """Return a function that imports files with these names and texts."""

    def run(**texts: str) -> Result:
        for name, text in texts.items():
            (news / f"{name}.md").write_bytes(text.encode())
        result = curation("import", str(news.parent), "--source", "s")
        assert result.exit_code in (0, 3), result.output  # 3: `heat` is a text there
        return result

    return run


@pytest.fixture
def on_terminal(store: Store) -> Callable[..., str]:
    """Return a function that runs a command as on a terminal, where click keeps escapes, and returns its output."""
    from curation.cli import cli

    database = store.backend.url.render_as_string(hide_password=False)

    def run(*arguments: str) -> str:
        return CliRunner().invoke(cli, ["--database", database, *arguments], color=True).output

    return run


# --- terminals ---------------------------------------------------------------------------------------

WITH_CONTROLS = f"a{TERMINAL}b{BIDI}c"


@pytest.mark.any_engine
@pytest.mark.parametrize("form", some([*TEXT_FORMATS, None]))
def test_no_command_prints_control_characters(
    import_files: Callable[..., Result], on_terminal: Callable[..., str], news: Path, form: str | None
) -> None:
    (news / "broken.md").write_text(
        f"---\ntitle: x\n{json.dumps(WITH_CONTROLS)}: 1\n{json.dumps(WITH_CONTROLS)}: 2\n---\n"
    )
    (news / "date.md").write_text(
        f"---\npublishedDateTime: {json.dumps('2021-02-30')}\n? {json.dumps(WITH_CONTROLS)}\n---\n"
    )
    (news / "a.md").write_text(every_text(WITH_CONTROLS))
    assert "2 quarantined" in on_terminal("import", str(news.parent), "--source", "s")
    on_terminal("set", "a", "--heat", "3", "--reason", WITH_CONTROLS, "--actor", WITH_CONTROLS)
    columns = "title,excerpt,category,type,provider,domain,topics,slug,original_url,web_url"
    for command in (
        ("list", "--columns", columns),
        ("show", "a"),
        ("log",),
        ("log", "a"),
        ("issues", "--all"),
        ("status",),
        ("report", "review"),
        ("report", "providers", "-p", "minimum=1"),
        ("report", "topics"),
        ("sql", "SELECT title, body, extra FROM articles"),
        ("sql", f'SELECT title AS "{WITH_CONTROLS}" FROM articles'),
    ):
        printed = on_terminal(*command, *(("--format", form) if form else ()))
        assert "owned" in printed or command[0] == "status", command
        assert not CONTROLS & set(printed), (command, CONTROLS & set(printed))


def test_no_error_prints_control_characters(
    import_files: Callable[..., Result], on_terminal: Callable[..., str]
) -> None:
    import_files(a=every_text(WITH_CONTROLS))
    for command in (
        ("show", WITH_CONTROLS),
        ("log", WITH_CONTROLS),
        ("set", WITH_CONTROLS, "--heat", "1"),
        ("list", "--columns", WITH_CONTROLS),
        ("list", "--sort", WITH_CONTROLS),
        ("list", "--since", WITH_CONTROLS),
        ("list", "--heat", WITH_CONTROLS),
        ("list", "--format", WITH_CONTROLS),
        ("report", WITH_CONTROLS),
        ("report", "review", "-p", f"{WITH_CONTROLS}=1"),
        ("report", "review", "-p", f"limit={WITH_CONTROLS}"),
        ("sql", f"SELECT {WITH_CONTROLS}"),
        ("sql", "SELECT CAST(title AS integer) / 0, abs(title) FROM articles"),
        ("import", f"/{WITH_CONTROLS}"),
        (WITH_CONTROLS,),
        ("show", f"--{WITH_CONTROLS}"),
        ("show", "a", WITH_CONTROLS),
        ("db", "current", WITH_CONTROLS),
    ):
        printed = on_terminal(*command)
        assert "rror" in printed or command[0] == "sql", command
        assert not CONTROLS & set(printed), (command, CONTROLS & set(printed))


def test_a_path_in_a_message_has_no_bidirectional_controls(
    import_files: Callable[..., Result], on_terminal: Callable[..., str]
) -> None:
    import_files(**{f"a{BIDI}b": article("a", removed="yes"), "b": article("b")})
    printed = on_terminal("publish", "1", "2", "--yes")
    assert "removed articles cannot be published" in printed
    assert not CONTROLS & set(printed)


def test_control_characters_are_stored_unchanged(
    import_files: Callable[..., Result], curation: Callable[..., Result]
) -> None:
    import_files(a=every_text(WITH_CONTROLS))
    for command in (
        ("show", "a", "--format", "json"),
        ("sql", "SELECT * FROM articles", "--format", "jsonl"),
    ):
        shown = json.loads(curation(*command).stdout)
        for column in ("title", "excerpt", "category", "type", "original_url", "web_url", "featured_content"):
            assert shown[column] == WITH_CONTROLS, column
    shown = json.loads(curation("show", "a", "--format", "json").stdout)
    assert (shown["provider"], shown["topics"], shown["authors"]) == (
        WITH_CONTROLS,
        [WITH_CONTROLS],
        [WITH_CONTROLS],
    )
    assert (shown["images"][0]["title"], shown["related"][0]["web_url"]) == (WITH_CONTROLS, WITH_CONTROLS)
    assert shown["extra"]["price"] == {WITH_CONTROLS: WITH_CONTROLS}
    assert shown["body"] == WITH_CONTROLS


def test_a_written_file_has_no_control_characters(
    import_files: Callable[..., Result], curation: Callable[..., Result], tmp_path: Path
) -> None:
    import_files(a=every_text(WITH_CONTROLS))
    for suffix in ("csv", "tsv", "json", "jsonl", "md", "txt", "html"):
        file = tmp_path / f"out.{suffix}"
        curation("sql", "SELECT * FROM articles", "--output", str(file))
        assert not CONTROLS & set(file.read_text())


# --- spreadsheets and browsers -----------------------------------------------------------------------


@pytest.mark.parametrize(("form", "separator"), [("csv", ","), ("tsv", "\t")])
def test_a_spreadsheet_runs_no_title(
    import_files: Callable[..., Result], curation: Callable[..., Result], form: str, separator: str
) -> None:
    import_files(**{f"f{i}": article(formula, heat="x") for i, formula in enumerate(FORMULAS)})
    stored = json.loads(curation("list", "--columns", "title", "--sort", "path", "--format", "json").stdout)
    assert [row["title"] for row in stored] == list(FORMULAS)
    for command in (
        ("list", "--columns", "title"),
        ("sql", "SELECT title FROM articles"),
        ("report", "review"),
    ):
        output = curation(*command, "--format", form, "--no-headers").stdout
        cells = [cell for row in csv.reader(io.StringIO(output), delimiter=separator) for cell in row]
        assert len(cells) >= len(FORMULAS)
        assert not [cell for cell in cells if cell and cell[0] in "=+@\t\r"], command
        # A number may be negative; a text that begins so is escaped.
        assert not [cell for cell in cells if cell.startswith("-") and not re.fullmatch(r"-\d+", cell)]
        assert "'-1" in cells
    one = curation("show", "f0", "--format", form).stdout
    assert ["title", "'=1+1"] in list(csv.reader(io.StringIO(one), delimiter=separator))


class _Tags(HTMLParser):
    """The names of the tags in a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)

    def handle_comment(self, data: str) -> None:
        self.names.add("comment")

    def handle_data(self, data: str) -> None:
        self.text += data


def test_markdown_renders_no_html_and_no_link(
    import_files: Callable[..., Result], curation: Callable[..., Result]
) -> None:
    import_files(
        a=article(HTML, HTML, category=HTML), **{f"u{i}": article(url) for i, url in enumerate(URLS)}
    )
    for command in (
        ("list", "--columns", "title,category"),
        ("show", "a"),
        ("sql", "SELECT title, body FROM articles"),
    ):
        output = curation(*command, "--format", "markdown").stdout
        page = _Tags(MarkdownIt("commonmark", {"html": True}).enable("table").render(output))
        assert page.names == {"table", "thead", "tbody", "tr", "th", "td"}, output
        assert HTML in page.text
    stored = json.loads(curation("show", "a", "--format", "json").stdout)
    assert (stored["title"], stored["body"]) == (HTML, HTML)


@pytest.mark.any_engine
@pytest.mark.parametrize("url", some(URLS))
def test_only_http_and_https_are_links(
    import_files: Callable[..., Result], curation: Callable[..., Result], url: str
) -> None:
    value = json.dumps(url)
    import_files(
        a=f"---\noriginalUrl: {value}\nwebUrl: {value}\nrelated: [{{webUrl: {value}}}]\n---\n",
        b=article("b", originalUrl=url),
    )
    shown = json.loads(curation("show", "_news/a.md", "--format", "json").stdout)
    assert (shown["original_url"], shown["web_url"], shown["canonical_url"]) == (url, url, None)
    assert [(link["web_url"], link["target_id"]) for link in shown["related"]] == [(url, None)]
    canonical = "SELECT count(canonical_url) AS articles, count(canonical_digest) AS digests FROM articles"
    assert json.loads(curation("sql", canonical, "--format", "jsonl").stdout) == {"articles": 0, "digests": 0}


def test_a_terminal_gets_no_hyperlinks(
    import_files: Callable[..., Result], on_terminal: Callable[..., str]
) -> None:
    import_files(
        a=article(
            "[x](https://a.example) [link=https://a.example]y[/link]", originalUrl="https://a.example/x"
        )
    )
    for form in TEXT_FORMATS:
        assert "\x1b" not in on_terminal("list", "--columns", "title,original_url", "--format", form)


# --- SQL ---------------------------------------------------------------------------------------------


def test_sql_in_a_text_is_text(import_files: Callable[..., Result], curation: Callable[..., Result]) -> None:
    import_files(a=every_text(SQL), b=article("harmless"))
    for filter_ in ("--topic", "--provider", "--domain", "--category", "--type"):
        assert paths(curation("list", filter_, SQL, "--format", "json")) == ["_news/a.md"], filter_
    for word in (word for word in SQL.split() if any(map(str.isalnum, word))):
        assert paths(curation("list", "--search", word, "--format", "json")) == ["_news/a.md"], word
    for filter_ in ("--source", "--collection", "--topic"):
        refused = curation("list", filter_, f"x' OR '1'='1{SQL}", "--format", "json")
        assert refused.exit_code == 1
        assert refused.output.startswith(f"Error: no {filter_[2:]} ")
    assert curation("show", SQL).exit_code == 1
    assert curation("set", "a", "--heat", "1", "--reason", SQL, "--actor", SQL).exit_code == 0
    (change,) = json.loads(curation("log", "--kind", "edit", "--format", "json").stdout)
    assert (change["actor"], change["reason"]) == (SQL, SQL)
    by_parameter = curation(
        "sql", "SELECT path FROM articles WHERE title = :t", "-p", f"t={SQL}", "--format", "json"
    )
    assert paths(by_parameter) == ["_news/a.md"]
    assert paths(curation("list", "--format", "json")) == ["_news/a.md", "_news/b.md"]


@pytest.mark.parametrize("sign", ["%", "_"])
def test_wildcards_in_filters_are_text(
    news: Path, import_files: Callable[..., Result], curation: Callable[..., Result], sign: str
) -> None:
    (news / f"b{sign}c").mkdir()
    (news / "bxc").mkdir()
    with_sign, without = article(f"a{sign}c", topics=f"a{sign}c"), article("axc", topics="axc")
    import_files(**{f"a{sign}c": with_sign, "axc": without, f"b{sign}c/y": with_sign, "bxc/z": without})
    mine = [f"_news/a{sign}c.md", f"_news/b{sign}c/y.md"]
    assert curation("list", "--search", sign).exit_code == 1  # there is no word in it
    assert paths(curation("list", "--search", f"a{sign}c", "--format", "json")) == mine
    assert paths(curation("list", "--topic", f"a{sign}c", "--format", "json")) == mine
    assert paths(curation("list", "--collection", f"news/b{sign}c", "--format", "json")) == mine[1:]
    assert json.loads(curation("show", f"a{sign}c", "--format", "json").stdout)["path"] == mine[0]
    assert curation("show", f"{sign}xc").exit_code == 1
    assert curation("show", f"{sign}{sign}{sign}.md").exit_code == 1


def paths(result: Result) -> list[str]:
    assert result.exit_code == 0, result.output
    return sorted(row["path"] for row in json.loads(result.stdout))
