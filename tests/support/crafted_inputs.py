"""Inputs that can take more than linear time, and a program that measures them for `test_linear_time`.

A case makes an input of a size in bytes and has a job: read it as an import does, search it, write flags to
it, compute the diff of that, or print it. The program runs in a separate process, because a job that is worse
than linear ends only when it is killed.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

GROUPS: dict[str, str] = {}


class Case(NamedTuple):
    """A job, and a function that makes its input of a size."""

    job: str
    make: Callable[[int], bytes]


def front(text: str, body: str = "") -> bytes:
    return f"---\ntitle: x\n{text}\n---\n{body}".encode()


def times(unit: str, size: int) -> str:
    return unit * max(1, size // len(unit.encode()))


def each(template: str, size: int) -> str:
    """Repeat a template with the numbers 0, 1, 2 … in place of `@`, up to a size."""
    return "".join(template.replace("@", str(i)) for i in range(max(1, size // (len(template) + 4))))


def repeated(unit: str, before: str = "", after: str = "") -> Callable[[int], bytes]:
    return lambda size: front(before + times(unit, size) + after)


def numbered(template: str, before: str = "", after: str = "") -> Callable[[int], bytes]:
    return lambda size: front(before + each(template, size) + after)


def raw(unit: str, before: str = "", after: str = "") -> Callable[[int], bytes]:
    return lambda size: (before + times(unit, size) + after).encode()


def body(unit: str) -> Callable[[int], bytes]:
    return lambda size: front("quality: 5", times(unit, size))


ZERO = "excerpt: at  07 o\n"

#: Inputs for reading, as an import parses a file and makes rows of it.
READ: dict[str, Callable[[int], bytes]] = {
    "blank lines below a comment": repeated("\n", f"{ZERO}# c\n", "category: news"),
    "comment lines": repeated("# c\n", ZERO, "category: news"),
    "comment lines indented": repeated("   # c\n \n", ZERO, "category: news"),
    "comments alone": lambda n: f"---\n{times('# c', n)}\n---\n".encode(),
    "comment of one line": repeated("#", f"{ZERO}a: b "),
    "zeros below comments": repeated("# c\n 07\n", f"{ZERO}a: b\n"),
    "zeros below blank lines": repeated("\n 07\n", f"{ZERO}a: b # c\n  "),
    "blanks": repeated(" ", f"{ZERO}a: b", "\nc: d"),
    "runs of blanks": repeated("a: 1" + " " * 40 + "\n", ZERO),
    "digits": repeated("1", "quality: "),
    "digits and underscores": repeated("1_", "quality: ", "1"),
    "digits of a fraction": repeated("1", "quality: 1."),
    "digits of an exponent": repeated("9", "quality: 1e"),
    "hexadecimal digits": repeated("f", "quality: 0x"),
    "numbers of 4,300 digits": repeated("- " + "1" * 4_300 + "\n", "a:\n"),
    "numbers of 4,250 digits": repeated("- " + "9" * 4_250 + "\n", "a:\n"),
    "digits of a year": repeated("1", "publishedDateTime: ", "-01-01"),
    "digits of a second": repeated("1", "publishedDateTime: 2021-01-01T00:00:00."),
    "minutes": repeated(":30", "excerpt: 1"),
    "octal": repeated("- 0777\n", "a:\n"),
    "dates": repeated("- 2021-01-01\n", "a:\n"),
    "many keys": numbered("k@: 1\n"),
    "many keys below": numbered("  k@: 1\n", "a:\n"),
    "long key": repeated("k", after=": 1"),
    "long key in quotation marks": repeated("k", '"', '": 1'),
    "list": repeated("- a\n", "a:\n"),
    "empty entries": repeated("-\n", "a:\n"),
    "flow list": repeated("a, ", "a: [", "]"),
    "flow list of zeros": repeated("07, ", "a: [", "]"),
    "flow mapping": numbered("k@: 1, ", "a: {", "}"),
    "flow pairs": repeated("a: b, ", "a: [", "]"),
    "flow closed and opened": repeated("[],", "a: [", "]"),
    "flow 60 deep": repeated("[" * 60 + "]" * 60 + ",", "a: [", "]"),
    "flow too deep": repeated("[", "a: "),
    "flow never opened": repeated("]", "a: "),
    "line breaks in a flow list": repeated("\n", "a: [1,", " 2]"),
    "dashes of one line": repeated("- ", "a:\n  "),
    "question marks": repeated("? ", "a:\n  "),
    "keys with question marks": numbered("? k@\n: 1\n"),
    "colons": repeated(":", "a: x"),
    "colons and blanks": repeated(": ", "a: x"),
    "anchors": numbered("- &a@ b\n", "a:\n"),
    "aliases": repeated("- *a\n", "a: &a b\nc:\n"),
    "aliases of nothing": repeated("- *z\n", "a: &a b\nc:\n"),
    "aliases of an empty list": repeated("*a, ", "a: &a []\nc: [", "]"),
    "one mapping merged": repeated("*a, ", "a: &a {b: c}\nc:\n  <<: [", "]"),
    "many mappings merged": numbered("{k@: 1}, ", "a:\n  <<: [", "]"),
    "the same key merged": repeated("{k: 1}, ", "a:\n  <<: [", "]"),
    "merges": numbered("  <<: {k: @}\n", "a:\n"),
    "tags": repeated("- !!str b\n", "a:\n"),
    "long tag": repeated("t", "a: !", " b"),
    "tag directives": lambda n: f"---\n{each('%TAG !a@! x', n)}\n--- \na: b\n---\n".encode(),
    "directives": lambda n: f"---\n{times('%FOO a', n)}\n--- \na: b\n---\n".encode(),
    "documents": repeated("--- b\n", "a: b\n"),
    "dots": repeated("...\n", "a: b\n"),
    "fences with blanks": raw("---  \n", "--- x\n"),
    "fence of blanks": raw(" ", "---"),
    "fence in blanks": raw(" ", "---\na: b\n---", "x"),
    "dashes": raw("-", "---\na: b\n"),
    "never closed": raw("\n--- x"),
    "letters behind the fence": raw("a", "---", " x"),
    "carriage returns": raw("\r", "---\ra: b\r---\r"),
    "quotation marks": repeated('"', "a: "),
    "quotation marks, single": repeated("'", "a: "),
    "escaped quotation marks": repeated('\\"', 'a: "', '"'),
    "escapes": repeated("\\u0041", 'a: "', '"'),
    "halves of pairs": repeated("\\ud800", 'a: "', '"'),
    "backslashes": repeated("\\", "a: x"),
    "line breaks in quotation marks": repeated("\n", 'a: "', '"'),
    "indented text": repeated("  a\n", "a: |\n"),
    "blank lines of a text": repeated("\n", "a: >\n", "  a"),
    "blank lines of a plain text": repeated("\n", "a: b\n", "  a"),
    "lines of a plain text": repeated("  a\n", "a: b\n"),
    "ampersands": repeated("&", "a: x"),
    "tabs": repeated("\t", "a:", "b"),
    "line separators": repeated("\u2028", "a: &b x"),
    "accents": repeated("\u0301\u0327", "a: x"),
    "control character at the end": repeated("é", "a: ", "\x1b"),
    "byte that is not UTF-8": lambda n: front("a: b", times("a\n", n)) + b"\xff",
    "entities of an address": repeated("&#038;", "webUrl: https://a.example/?"),
    "entities escaped over and over": repeated("amp;", "webUrl: https://a.example/?&"),
    "parameters": repeated("utm_a=b&", "webUrl: https://a.example/?"),
    "steps up": repeated("../", "webUrl: https://a.example/"),
    "labels of a host": repeated("a.", "webUrl: https://", "example/"),
    "host of letters": repeated("a", "webUrl: https://", "/"),
    "host beyond ASCII": repeated("é", "webUrl: https://", ".example/"),
    "host of accents": repeated("\u0301\u0327", "webUrl: https://e", ".example/"),
    "escapes of an address": repeated("%41", "webUrl: https://a.example/"),
    "links, each odd": numbered("- {title: @, quality: x, publishedDateTime: y}\n", "related:\n"),
    "links that are none": repeated("- 5\n", "related:\n"),
    "links with half an address": numbered("- {webUrl: 'https://a.example/?b=@&amp;c'}\n", "related:\n"),
    "images, each odd": numbered("- {url: @, width: -1, height: 1e3}\n", "images:\n"),
    "images without an address": repeated("- {width: 5}\n", "images:\n"),
    "topics, each a number": numbered("- @\n", "topics:\n"),
    "topics, all one": repeated("- a\n", "topics:\n"),
    "authors, each odd": numbered("  - {name: @}\n", "provider:\n  authors:\n"),
    "items": numbered("- a/@\n", "items:\n"),
    "numbers out of range": repeated("- 99999999999999999999\n", "a:\n"),
    "numbers that are none": repeated("- .nan\n", "a:\n"),
    "secured of blanks": repeated(" ", "secured:", "# c"),
    "secured of tabs and blanks": repeated("\t ", "secured:", "x y"),
    "secured without end": repeated("A", "secured: '"),
    "secured lines": repeated("secured: A b\n"),
    "flag of many letters": repeated("e", "published: y"),
    "body": body("a\n"),
    "body of fences": body("\n---x"),
    "body of blank lines": body("\n"),
    "body of accents": body("\u0301\u0327"),
}


#: Inputs for searching and snippets. The query is the text before the first blank line.
def searched(query: Callable[[int], str], text: Callable[[int], str]) -> Callable[[int], bytes]:
    return lambda size: f"{query(size)}\n\n{text(size)}".encode()


SEARCH: dict[str, Callable[[int], bytes]] = {
    "phrase of one word": searched(lambda n: '"' + "a " * 100 + '"', lambda n: times("a ", n)),
    "phrase that nearly fits": searched(lambda n: '"' + "a " * 99 + 'b"', lambda n: times("a ", n)),
    "phrase that begins often": searched(lambda n: '"' + "a b " * 49 + 'a a"', lambda n: times("a b ", n)),
    "many phrases": searched(
        lambda n: " ".join('"' + "a " * i + 'b"' for i in range(1, 13)), lambda n: times("a ", n)
    ),
    "phrase as long as the text": searched(lambda n: '"' + times("a ", n) + '"', lambda n: times("a ", n)),
    "many words": searched(lambda n: each("w@ ", n), lambda n: each("w@ ", n)),
    "many prefixes": searched(lambda n: each("w@* ", n), lambda n: each("w@ ", n)),
    "one word all over": searched(lambda n: "a", lambda n: times("a ", n)),
    "prefix of one long word": searched(lambda n: "a*", lambda n: times("a", n)),
    "word of accents": searched(lambda n: "e", lambda n: "e" + times("\u0301\u0327", n)),
    "query of accents": searched(lambda n: "e" + times("\u0301\u0327", n), lambda n: "e"),
    "letters with accents": searched(lambda n: "ee", lambda n: times("e\u0301", n)),
    "blanks of a text": searched(lambda n: "a", lambda n: times(" \t", n) + "a"),
    "quotation marks of a query": searched(lambda n: times('"', n) + "a", lambda n: "a"),
    "asterisks of a query": searched(lambda n: "a" + times("*", n), lambda n: "a"),
}  # fmt: skip

#: Inputs for writing flags: one is changed, one is added, one is removed.
WRITE: dict[str, Callable[[int], bytes]] = {
    "many keys before the flag": numbered("  k@: 1\n", "a:\n", "quality: 5"),
    "many keys behind the flag": numbered("  k@: 1\n", "quality: 5\na:\n"),
    "many lines, the flag last": repeated("  a\n", "a: |\n", "quality: 5\npublished: true"),
    "comments before the flag": repeated("# c\n", after="quality: 5"),
    "comment behind the flag": repeated("#", "quality: 5 "),
    "flow mapping with flags": lambda n: f"---\n{{{each('k: {a: @}, ', 1)}quality: 5, a: [{times('a, ', n)}]}}\n---\n".encode(),
    "CRLF": lambda n: front("a:\n" + times("- b\n", n) + "quality: 5").replace(b"\n", b"\r\n"),
    "CR": lambda n: front("a:\n" + times("- b\n", n) + "quality: 5").replace(b"\n", b"\r"),
    "large body": body("a\n"),
}  # fmt: skip

#: Inputs for the diff of a dry run: a flag at each end of a front matter of equal lines.
DIFF: dict[str, Callable[[int], bytes]] = {
    "equal lines between two flags": repeated("  a\n", "quality: 5\na: |\n", "published: true"),
    "two lines in turn between two flags": repeated("  a\n  b\n", "quality: 5\na: |\n", "published: true"),
    "other lines between two flags": numbered("  a@\n", "quality: 5\na: |\n", "published: true"),
    "lines each twice between two flags": numbered("  a@\n  a@\n", "quality: 5\na: |\n", "published: true"),
}

#: Inputs for printing in every text format: cells of tables, CSV, JSON, HTML, feeds.
PRINT: dict[str, Callable[[int], bytes]] = {
    "plain text": raw("a "),
    "formulas": raw("=\n"),
    "blanks before a formula": raw(" ", "", "="),
    "controls": raw("\x1b[2J"),
    "marks of HTML": raw("<&\"'"),
    "address": raw("/a", "https://a.example"),
    "address that ends odd": raw("a", "https://", " "),
    "marks of Markdown": raw("|[`\\"),
    "wide letters": raw("漢"),
    "marks of direction": raw("\u202e"),
    "line breaks": raw("\r\n"),
}

CASES: dict[str, Case] = {
    f"{job}: {name}": Case(job, make)
    for job, cases in {"read": READ, "search": SEARCH, "write": WRITE, "diff": DIFF, "print": PRINT}.items()
    for name, make in cases.items()
}


def read(data: bytes) -> None:
    from curation.importing.reading.files import read_files
    from curation.importing.reading.tasks import Task
    from curation.scanning import File, Kind

    for kind in (Kind.ARTICLE, Kind.TOPIC):
        outcome = read_files([Task(File("_news/a.md", kind, None, None), None, data)]).outcomes[0]
        assert "internal_error" not in {issue.code for issue in outcome.issues}, outcome.issues


def search(data: bytes) -> None:
    from curation.articles.searching import make_snippet, parse_query
    from curation.errors import SelectionError

    query, _, text = data.decode().partition("\n\n")
    try:
        terms = parse_query(query)
    except SelectionError:
        return
    make_snippet(terms, [text], ("[", "]"))


def write(data: bytes) -> bytes:
    from curation.documents.flag_editing import set_flag_lines
    from curation.errors import FlagEditError

    try:
        data = set_flag_lines(data, {"quality": 6, "heat": 7, "published": False})
        return set_flag_lines(data, {"quality": None, "removed": True})
    except FlagEditError:
        return data


def diff(data: bytes) -> None:
    from curation.exporting.diffs import make_diff

    for _ in make_diff("a", data, write(data)):
        pass


def show(data: bytes) -> None:
    from curation.cell_text import format_cell, format_json_cell, format_spreadsheet_cell
    from curation.cli.output.html_page import _cell
    from curation.cli.output.table import _one_line, _short
    from curation.exporting.site.feeds import _clean
    from curation.importing.records.issue_tracker import shorten_message
    from curation.scanning import make_printable

    text = data.decode()
    for form in (
        _cell,
        _one_line,
        _short,
        format_json_cell,
        format_cell,
        format_spreadsheet_cell,
        _clean,
        shorten_message,
        make_printable,
    ):
        form(text)


JOBS: dict[str, Callable[[bytes], object]] = {
    "read": read, "search": search, "write": write, "diff": diff, "print": show,
}  # fmt: skip


def seconds(case: Case, size: int, *, runs: int) -> float:
    """Return the least processor time of a few runs."""
    data, least = case.make(size), float("inf")
    for _ in range(runs):
        gc.collect()
        started = time.process_time()
        JOBS[case.job](data)
        least = min(least, time.process_time() - started)
    return least


def measure(
    case: Case, first: int, largest: int, *, least: float, runs: int = 2
) -> Iterator[tuple[int, float]]:
    """Yield sizes with their times: a size that takes `least` seconds, then twice and four times it."""
    size = first
    while seconds(case, size, runs=1) < least and size * 8 <= largest:
        size *= 2
    for times_ in (1, 2, 4):
        yield size * times_, seconds(case, size * times_, runs=runs)


def main() -> None:
    """Measure the cases that standard input names, and print a line of JSON for each figure."""
    first, largest, least = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    JOBS["read"](front("a: &a b\nquality: x\nwebUrl: https://a.example/?b=%41#c"))  # loads all modules
    for line in sys.stdin:
        for size, elapsed in measure(CASES[line.rstrip("\n")], first, largest, least=least):
            print(json.dumps([size, elapsed]), flush=True)
        print("null", flush=True)


if __name__ == "__main__":
    main()
