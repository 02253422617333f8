"""Documents: the forms of the format, what stays in `extra`, and each issue with its position."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from curation.documents import fields
from curation.documents.due_dates import find_due_date
from curation.documents.entries import Image, Provider, RelatedLink, encode_image
from curation.documents.flag_editing import set_flag_lines
from curation.documents.instants import parse_instant
from curation.documents.issues import Issue
from curation.documents.json_values import MAX_TEXT, encode
from curation.documents.parsing import (
    Document,
    Organization,
    Topic,
    hash_content,
    parse_article,
    parse_organization,
    parse_topic,
)
from curation.errors import DocumentError
from curation.flags import Flags

from ..support.places import SITE


def article(front: str, body: str = "") -> Document:
    """Return the article with this front matter, which begins on the second line of the file."""
    document = parse_article(f"---\n{front}\n---\n{body}".encode())
    assert document is not None
    return document


def extra(front: str) -> Any:
    return json.loads(article(front).extra)


def found(document: Document | Organization | Topic) -> list[tuple[Any, ...]]:
    """Return severity, code, field, line and column of each issue."""
    return [(f.severity, f.code, f.field, f.line, f.column) for f in document.issues]


def parse_error(data: bytes | str, parse: Any = parse_article) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        parse(data.encode() if isinstance(data, str) else data)
    return caught.value


def error_place(data: bytes | str, parse: Any = parse_article) -> tuple[str, int | None, int | None]:
    error = parse_error(data, parse)
    return error.code, error.line, error.column


# --- the forms of the format ------------------------------------------------------------------------

FULL = """---
category: news
title: "Low water: a “study”"
excerpt: "Two lines.\\nNo more."
publishedDateTime: 2021-05-28T16:00:00Z
updatedDateTime: 2021-05-29T00:00:01Z
originalUrl: "https://e.example/print edition/4?a=1&#038;b=2"
webUrl: ""
ampWebUrl: https://e.example/amp
cdnAmpWebUrl: https://cdn.example/amp
type: article
slug: low-water
quality: 42
heat: -1
published: false
removed: true
featuredContent: <iframe src="https://v.example"></iframe>

provider:
  name: The Tidal Times
  domain: tidaltimes.example
  authors:
    - name: Ebbie Neap
    - name: A. N. Other

topics:
  - Tides
  - Coast

images:
  - url: https://i.example/a.png
    width: 800
    height: 600
    isCached: true
    title: A
    attribution: B

related:
  - title: T
    excerpt: E
    publishedDateTime: 2021-05-27T09:00:00Z
    webUrl: ''
    type: video
    provider:
      name: N
      domain: d.example
    quality: 30

secured: "abc+/=;def="
---

The body.
"""


def test_every_field_of_an_article() -> None:
    assert parse_article(FULL.encode()) == Document(
        title="Low water: a “study”",
        excerpt="Two lines.\nNo more.",
        category="news",
        type="article",
        published_at=dt.datetime(2021, 5, 28, 16, tzinfo=dt.UTC),
        updated_at=dt.datetime(2021, 5, 29, 0, 0, 1, tzinfo=dt.UTC),
        original_url="https://e.example/print edition/4?a=1&#038;b=2",
        web_url="",
        amp_web_url="https://e.example/amp",
        cdn_amp_web_url="https://cdn.example/amp",
        featured_content='<iframe src="https://v.example"></iframe>',
        slug="low-water",
        flags=Flags(quality=42, heat=-1, published=False, removed=True),
        unclear=frozenset(),
        is_draft=False,
        provider=Provider("The Tidal Times", "tidaltimes.example"),
        authors=("Ebbie Neap", "A. N. Other"),
        topics=((0, "Tides"), (1, "Coast")),
        images=(Image("https://i.example/a.png", 800, 600, True, "A", "B", None),),
        related=(
            RelatedLink(
                title="T",
                excerpt="E",
                published_at=dt.datetime(2021, 5, 27, 9, tzinfo=dt.UTC),
                web_url="",
                type="video",
                provider=Provider("N", "d.example"),
                quality=30,
                images=(),
                extra=None,
            ),
        ),
        items=(),
        extra='{"slug":"low-water"}',  # its column always has a value, also if the file states no slug
        body="The body.",
        issues=(),
    )


def test_an_absent_field_is_none() -> None:
    document = article("category: news")
    assert document.title is None
    assert document.flags == (None, None, None, None)
    assert (document.provider, document.topics, document.images, document.related) == (None, (), (), ())
    assert (document.extra, document.body, document.issues) == ("{}", "", ())


def test_a_collection() -> None:
    document = article("items:\n  - videos/a\n  - courses/b\nlength: PT10H\nprice: Free")
    assert document.items == ("videos/a", "courses/b")
    assert json.loads(document.extra) == {"length": "PT10H", "price": "Free"}
    assert extra("items: [a, 1]") == {"items": ["a", 1]}
    assert extra("items: a") == {"items": "a"}


@pytest.mark.parametrize(
    ("front", "title", "excerpt"),
    [
        ("name: N\nbio: B", "N", "B"),
        ("name: N\ntitle: T\nbio: B\nexcerpt: E", "T", "E"),
        ("name: N\nexcerpt: ''\nbio: B", "N", ""),
    ],
)
def test_people_have_a_name_and_a_bio(front: str, title: str, excerpt: str) -> None:
    document = article(front)
    assert (document.title, document.excerpt) == (title, excerpt)
    assert json.loads(document.extra)["name"] == "N"
    assert json.loads(document.extra).get("bio") == ("B" if "bio" in front else None)


@pytest.mark.parametrize(
    ("after", "body"),
    [
        ("", ""),
        ("\n\n", ""),
        ("\n\n  a \n\n b\n\n", "a \n\n b"),
        ("\na\n---\nb\n", "a\n---\nb"),
        ("\n\u00a0a\u2028", "a"),
        ("\n# a\x1b[31m\x9b\x07b", "# a\x1b[31m\x9b\x07b"),
    ],
)
def test_the_body(after: str, body: str) -> None:
    document = parse_article(f"---\na: 1\n---{after}".encode())
    assert document is not None
    assert document.body == body


def test_a_fence_inside_a_block_does_not_close() -> None:
    assert extra("a: |\n  ---\n  b") == {"a": "---\nb\n"}


@pytest.mark.parametrize(
    "data", [b"", b"\n---\na: 1\n---\n", b"# Title\n", b"----\n", b" ---\na: 1\n---\n", b"{% x %}"]
)
def test_a_file_without_a_fence_is_not_a_document(data: bytes) -> None:
    assert parse_article(data) is None
    assert parse_organization(data) is None


def test_the_files_of_the_sample_site() -> None:
    paths = sorted(p for top in SITE.glob("_[!d]*") for p in top.rglob("*") if p.suffix in (".md", ".html"))
    assert len(paths) > 40
    for path in paths:
        document = parse_article(path.read_bytes())
        assert document is not None, path
        assert document.title, path
        assert not [issue for issue in document.issues if issue.severity != "notice"], path


def test_a_person_of_the_sample_site() -> None:
    document = parse_article((SITE / "_people/ebbie-neap.md").read_bytes())
    assert document is not None
    assert document.title == "Ebbie Neap"
    assert document.excerpt == "Writes small programs about large water.\nTwice daily."
    assert document.flags == Flags(None, 77, None, None)
    assert document.images[0].title == "Ebbie Neap"
    assert sorted(json.loads(document.extra)) == [
        "affiliation", "bio", "linkedin", "location", "name", "twitter", "website",
    ]  # fmt: skip
    assert document.body == "Ebbie answers messages at slack water."


def test_an_article_with_nulls_of_the_sample_site() -> None:
    name = "2020-07-03-tide-tables-now-available-as-a-tea-towel.md"
    document = parse_article((SITE / "_news" / name).read_bytes())
    assert document is not None
    assert document.flags == Flags(35, None, None, None)
    assert document.topics == ((0, "Tides"), (2, "Coast"))
    assert document.images[0].width is None
    assert json.loads(document.extra) == {"heat": None, "topics": ["Tides", None, "Coast"]}


# --- what stays in extra -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("front", "kept"),
    [
        ("title: T", {}),
        ("title:", {"title": None}),
        ("title: 3", {"title": 3}),
        ("title: [a]", {"title": ["a"]}),
        ("heat: null", {"heat": None}),
        ("heat: 3", {}),
        ("heat: 3.0", {"heat": 3.0}),
        ("heat: many", {"heat": "many"}),
        ("published: true", {}),
        ("published: yes", {"published": "yes"}),
        ("publishedDateTime: 2021-05-28T16:00:00Z", {}),
        ("publishedDateTime: 2021-05-28T18:00:00+02:00", {"publishedDateTime": "2021-05-28T18:00:00+02:00"}),
        ("publishedDateTime: 2021-05-28", {"publishedDateTime": "2021-05-28"}),
        ("publishedDateTime: ''", {"publishedDateTime": ""}),
        ("publishedDateTime: 2021-W21-5T16:00:00Z", {"publishedDateTime": "2021-W21-5T16:00:00Z"}),
        ("publishedDateTime: 2021-05-28T160000.0Z", {"publishedDateTime": "2021-05-28T160000.0Z"}),
        ("topics: [A, B]", {}),
        ("topics: []", {"topics": []}),
        ("topics: A", {"topics": "A"}),
        ("topics: [A, A]", {"topics": ["A", "A"]}),
        ("images: []", {"images": []}),
        ("related: []", {"related": []}),
        ("provider: {name: N}", {}),
        ("provider: {}", {"provider": {}}),
        ("provider: {name: N, domain: null}", {"provider": {"domain": None}}),
        ("provider: {name: N, images: [{url: u}]}", {"provider": {"images": [{"url": "u"}]}}),
        ("provider: {name: N, authors: [{name: A}]}", {}),
        ("provider: {authors: [{name: A, age: 3}]}", {"provider": {"authors": [{"name": "A", "age": 3}]}}),
        (
            "price: null\nratings: {count: 3, average: 4.5}",
            {"price": None, "ratings": {"count": 3, "average": 4.5}},
        ),
        ('harvestedOn: "2019-11-18"\nsponsored: "no"', {"harvestedOn": "2019-11-18", "sponsored": "no"}),
        ("secured: abc;def", {}),
        ("secured: {a: b}", {}),
        ("twitter: {secured: abc}", {"twitter": {"secured": "abc"}}),
        (
            'note: "\\e[31m \\u202e <script> javascript:alert(1)"',
            {"note": "\x1b[31m \u202e <script> javascript:alert(1)"},
        ),
    ],
)
def test_a_value_that_no_column_gives_back_stays_in_extra(front: str, kept: Any) -> None:
    assert extra(front) == kept


def test_extra_is_in_the_order_of_the_file() -> None:
    assert article("z: é\ntitle: T\na: [1]").extra == '{"z":"é","a":[1]}'


# --- texts, numbers, flags ---------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["3", "1.50", "0x1F", "true", "1e3", ".5"])
def test_a_title_that_is_a_number_is_kept_as_written(written: str) -> None:
    document = article(f"a: 1\ntitle: {written}")
    assert document.title == written
    assert found(document) == [("notice", "text_from_value", "title", 3, 8)]


@pytest.mark.parametrize("value", ["[a]", "{a: 1}"])
def test_a_list_where_one_text_belongs(value: str) -> None:
    document = article(f"title: {value}")
    assert document.title is None
    assert found(document) == [("warning", "not_one_value", "title", 2, 8)]


@pytest.mark.parametrize("field", ["title", "name", "bio", "anything"])
def test_a_text_that_is_too_long(field: str) -> None:
    assert found(article(f"{field}: {'é' * MAX_TEXT}")) == []
    document = article(f"{field}: {'é' * (MAX_TEXT + 1)}")
    assert (document.title, document.excerpt, document.extra) == (None, None, "{}")
    assert found(document) == [("warning", "text_too_long", field, 2, len(field) + 3)]


@pytest.mark.parametrize(
    ("written", "heat", "issues"),
    [
        ("-541945", -541945, []),
        ("1000000123", 1000000123, []),
        (str(2**63 - 1), 2**63 - 1, []),
        (str(-(2**63)), -(2**63), []),
        ("0x1F", 31, []),
        ("1e3", 1000, []),
        ("null", None, []),
        (str(2**63), None, [("error", "integer_out_of_range")]),
        (".nan", None, [("error", "not_finite")]),
        ("-.inf", None, [("error", "not_finite")]),
        ("3.5", None, [("error", "not_an_integer")]),
        ("hot", None, [("error", "not_a_number")]),
        ("'5'", 5, [("notice", "quoted_number")]),
        ('"+80"', 80, [("notice", "quoted_number")]),
        ("'-1'", -1, [("notice", "quoted_number")]),
        ("' 80 '", 80, [("notice", "quoted_number")]),
        (f"'{2**63 - 1}'", 2**63 - 1, [("notice", "quoted_number")]),
        (f"'{2**63}'", None, [("error", "not_a_number")]),
        ("'8O'", None, [("error", "not_a_number")]),
        ("'080'", None, [("error", "not_a_number")]),
        ("'1_000'", None, [("error", "not_a_number")]),
        ("'80.0'", None, [("error", "not_a_number")]),
        ("'- 1'", None, [("error", "not_a_number")]),
        ("'\u0668'", None, [("error", "not_a_number")]),
        ("''", None, [("error", "not_a_number")]),
        ("_7", None, [("notice", "number_lookalike"), ("error", "not_a_number")]),
        ("1e999", None, [("notice", "number_lookalike"), ("error", "not_a_number")]),
        ("0e1", None, [("notice", "number_lookalike"), ("error", "not_a_number")]),
        ("true", None, [("error", "not_a_number")]),
        ("[1]", None, [("error", "not_one_value")]),
        ("{a: 1}", None, [("error", "not_one_value")]),
        ("012", None, [("notice", "octal_lookalike"), ("error", "not_a_number")]),
        ("1:30", None, [("error", "not_a_number"), ("notice", "sexagesimal_lookalike")]),
    ],
)
def test_heat(written: str, heat: int | None, issues: list[tuple[str, str]]) -> None:
    document = article(f"heat: {written}")
    assert document.flags.heat == heat
    assert found(document) == [(*issue, "heat", 2, 7) for issue in issues]
    assert document.unclear == ({"heat"} if any(severity == "error" for severity, _ in issues) else set())


@pytest.mark.parametrize(
    ("written", "published", "issues"),
    [
        ("true", True, []),
        ("False", False, []),
        ("null", None, [("error", "not_a_flag")]),
        ("yes", True, [("notice", "flag_word")]),
        ("'No'", False, [("notice", "flag_word")]),
        ("ON", True, [("notice", "flag_word")]),
        ("off", False, [("notice", "flag_word")]),
        ("y", True, [("notice", "flag_word")]),
        ("1", None, [("error", "not_a_flag")]),
        ("maybe", None, [("error", "not_a_flag")]),
        ("''", None, [("error", "not_a_flag")]),
        ("[]", None, [("error", "not_a_flag")]),
    ],
)
def test_published(written: str, published: bool | None, issues: list[tuple[str, str]]) -> None:
    document = article(f"published: {written}")
    assert document.flags.published is published
    assert found(document) == [(*issue, "published", 2, 12) for issue in issues]
    assert document.unclear == (set() if published is not None else {"published"})


@pytest.mark.parametrize(
    ("front", "kept", "issues"),
    [
        ("a: .nan\nb: 1", {"b": 1}, [("warning", "not_finite", "a", 2, 4)]),
        ("a: [1, .inf]", {"a": [1]}, [("warning", "not_finite", "a[1]", 2, 8)]),
        ("a:\n  b: 99999999999999999999", {"a": {}}, [("warning", "integer_out_of_range", "a.b", 3, 6)]),
        ("a: 012", {"a": "012"}, [("notice", "octal_lookalike", "a", 2, 4)]),
        ("length: 1:4", {"length": "1:4"}, [("notice", "sexagesimal_lookalike", "length", 2, 9)]),
        ("length: '1:4'", {"length": "1:4"}, []),
    ],
)
def test_values_without_a_column(front: str, kept: Any, issues: list[tuple[Any, ...]]) -> None:
    document = article(front)
    assert json.loads(document.extra) == kept
    assert found(document) == issues


@pytest.mark.parametrize(
    "number", ["9" * 5000, "0x" + "F" * 4290, "0x" + "F" * 5000], ids=lambda n: f"{n[:3]}-{len(n)}"
)
@pytest.mark.parametrize(
    "front",
    [
        "title: {}",
        "published: {}",
        "heat: {}",
        "publishedDateTime: {}",
        "topics: [{}]",
        "images: [{{url: u, width: {}}}]",
        "provider: {}",
        "anything: {}",
        "a: &a {}\ntitle: *a\npublished: *a\ntopics: [*a]",
    ],
)
def test_a_huge_integer_is_rejected_or_left_out(front: str, number: str) -> None:
    try:
        document = parse_article(f"---\n{front.format(number)}\n---\n".encode())
    except DocumentError as error:
        assert error.code == "integer_too_long"  # noqa: PT017 - decimal digits are rejected, hexadecimal ones left out
        assert error.line == 2  # noqa: PT017
    else:
        assert document is not None
        assert document.issues


# --- instants ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "moment", "notice"),
    [
        ("2021-05-28T16:00:00Z", (2021, 5, 28, 16), None),
        ("2021-05-28t16:00:00z", (2021, 5, 28, 16), None),
        ("2021-05-28T16:00:00+02:00", (2021, 5, 28, 14), None),
        ("2021-05-28T16:00:00-0230", (2021, 5, 28, 18, 30), None),
        ("2021-05-28T16:00:00 +2", (2021, 5, 28, 14), None),
        ("2021-05-28 16:00 Z", (2021, 5, 28, 16), None),
        ("2021-05-28T16:00:00.5Z", (2021, 5, 28, 16, 0, 0, 500000), None),
        ("2021-05-28T16:00:00.123456789Z", (2021, 5, 28, 16, 0, 0, 123456), None),
        ("0001-01-01T00:00:00Z", (1, 1, 1), None),
        ("9999-12-31T23:59:59Z", (9999, 12, 31, 23, 59, 59), None),
        ("2020-02-29", (2020, 2, 29), "date_without_time"),
        ("2021-5-8", (2021, 5, 8), "date_without_time"),
        ("2021-05-28T16:00:00", (2021, 5, 28, 16), "date_without_zone"),
        ("2021-05-28 16:00", (2021, 5, 28, 16), "date_without_zone"),
    ],
)
def test_an_instant(text: str, moment: tuple[int, ...], notice: str | None) -> None:
    read, why = parse_instant(text)
    assert read == dt.datetime(*moment, tzinfo=dt.UTC)  # type: ignore[misc,arg-type]
    assert (why and why[0]) == notice
    document = article(f"publishedDateTime: {text}")
    assert document.published_at == read
    assert found(document) == ([("notice", notice, "publishedDateTime", 2, 20)] if notice else [])


@pytest.mark.parametrize(
    ("text", "moment", "notice"),
    [
        ("2016-12-31T23:59:60Z", (2016, 12, 31, 23, 59, 59), "odd_date"),
        ("Sat, 31 Dec 2016 23:59:60 GMT", (2016, 12, 31, 23, 59, 59), "odd_date"),
        ("31 Dec 2016 15:59:60 -0800", (2016, 12, 31, 23, 59, 59), "odd_date"),
        ("2016-12-31T15:59:60-08:00", (2016, 12, 31, 23, 59, 59), "odd_date"),
        ("2016-12-31T23:59:60.5Z", (2016, 12, 31, 23, 59, 59, 500000), "odd_date"),
        (" 2021-05-28T16:00:00Z ", (2021, 5, 28, 16), "odd_date"),
        ("\u00a02021-05-28", (2021, 5, 28), "date_without_time"),
        ("2021-05-28 16:00 ", (2021, 5, 28, 16), "date_without_zone"),
        ("Thu, 05 Nov 2026 10:00:00 +0100", (2026, 11, 5, 9), "odd_date"),
        ("thu, 5 nov 2026 10:00 GMT", (2026, 11, 5, 10), "odd_date"),
        ("5 Nov 2026 10:00:00 PST", (2026, 11, 5, 18), "odd_date"),
        (" Thu, 05 Nov 2026 10:00:00 -0000", (2026, 11, 5, 10), "odd_date"),
    ],
)
def test_an_unusual_instant_is_read_and_stays_in_extra(
    text: str, moment: tuple[int, ...], notice: str
) -> None:
    document = article(f'publishedDateTime: "{text}"')
    assert document.published_at == dt.datetime(*moment, tzinfo=dt.UTC)  # type: ignore[misc,arg-type]
    assert json.loads(document.extra) == {"publishedDateTime": text}
    assert found(document) == [("notice", notice, "publishedDateTime", 2, 20)]
    assert find_due_date("_news/a.md", {"date": text}) == document.published_at


@pytest.mark.parametrize(
    "text",
    [
        "5 Nov 26 10:00 GMT",
        "Thu, 05 Nov 2026",
        "05 Nov 2026 10:00:00 XYZ",
        "5 Foo 2026 10:00 Z",
        "5 Nov 2026 10:00 +9959",
        "1 Jan 0021 10:00 GMT",
    ],
)
def test_an_incomplete_date_in_mail_format_is_not_read(text: str) -> None:
    document = article(f'publishedDateTime: "{text}"')
    assert document.published_at is None
    assert found(document) == [("warning", "not_an_instant", "publishedDateTime", 2, 20)]


@pytest.mark.parametrize("text", ["31 Feb 2026 10:00 GMT", "5 Nov 2026 10:61 GMT"])
def test_an_invalid_date_in_mail_format_is_rejected(text: str) -> None:
    assert error_place(f'---\npublishedDateTime: "{text}"\n---\n') == ("bad_date", 2, 20)


@pytest.mark.parametrize("size", ["'640'", '" 640 "', "'+640'"])
def test_a_size_and_the_quality_of_a_link_may_be_quoted(size: str) -> None:
    document = article(f"images: [{{url: /a.png, width: {size}, height: 5}}]\nrelated: [{{quality: {size}}}]")
    [image], [link] = document.images, document.related
    assert (image.width, image.height, link.quality) == (640, 5, 640)
    assert image.written == encode(
        {"url": "/a.png", "width": json.loads(size.replace("'", '"')), "height": 5}
    )
    assert link.extra == encode({"quality": json.loads(size.replace("'", '"'))})
    assert [issue.code for issue in document.issues] == ["quoted_number"] * 2


@pytest.mark.parametrize(
    "text",
    [
        "2021-02-30",
        "2021-13-45",
        "2021-00-10",
        "2019-02-29T00:00:00Z",
        "2021-05-28T24:00:00Z",
        "2021-05-28T16:60:00Z",
        "2021-05-28T16:00:60Z",
        "28 May 2021 16:00:60 GMT",
        "2021-05-28T16:00:00+99:99",
        "2021-05-28T16:00:00+02:60",
    ],
)
@pytest.mark.parametrize("quote", ["", "'"])
def test_an_invalid_date_is_rejected(text: str, quote: str) -> None:
    error = parse_error(f"---\na: 1\nupdatedDateTime: {quote}{text}{quote}\n---\n")
    assert (error.code, error.line, error.column, error.field) == ("bad_date", 3, 18, "updatedDateTime")


def test_an_invalid_date_is_rejected_anywhere_without_quotes() -> None:
    error = parse_error("---\na:\n  - b: 2021-02-30\n---\n")
    assert (error.code, error.line, error.column, error.field) == ("bad_date", 3, 8, "a[0].b")
    assert extra("a: '2021-02-30'") == {"a": "2021-02-30"}
    error = parse_error("---\nrelated:\n  - publishedDateTime: 2021-02-30\n---\n")
    assert (error.code, error.line, error.field) == ("bad_date", 3, "related[0].publishedDateTime")


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("0000-01-01", "year_out_of_range"),
        ("0000-01-01T00:00:00Z", "year_out_of_range"),
        ("10000-01-01", "year_out_of_range"),
        ("0001-01-01T00:00:00+05:00", "year_out_of_range"),
        ("9999-12-31T23:00:00-05:00", "year_out_of_range"),
        ("soon", "not_an_instant"),
        ("2021", "not_an_instant"),
        ("[2021-05-28]", "not_an_instant"),
    ],
)
def test_a_value_that_is_not_an_instant_leaves_the_column_empty(written: str, code: str) -> None:
    document = article(f"publishedDateTime: {written}")
    assert document.published_at is None
    assert "publishedDateTime" in json.loads(document.extra)
    assert found(document) == [("warning", code, "publishedDateTime", 2, 20)]


# --- topics, images, providers, related --------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "topics", "issues"),
    [
        ("[A, null, B, A, '']", ((0, "A"), (2, "B")), []),
        ("A", ((0, "A"),), [("notice", "list_of_one", "topics", 2, 9)]),
        ("[yes, '2']", ((0, "yes"), (1, "2")), []),
        ("[A, 2.50]", ((0, "A"), (1, "2.50")), [("notice", "text_from_value", "topics[1]", 2, 13)]),
        ("3", (), [("warning", "not_a_list", "topics", 2, 9)]),
        ("{a: b}", (), [("warning", "not_a_list", "topics", 2, 9)]),
        ("[[A], B]", ((1, "B"),), [("warning", "not_one_value", "topics[0]", 2, 10)]),
        ("null", (), []),
    ],
)
def test_topics(written: str, topics: Any, issues: list[tuple[Any, ...]]) -> None:
    document = article(f"topics: {written}")
    assert document.topics == topics
    assert found(document) == issues


def image(url: str, width: int | None = None, height: int | None = None, written: str | None = None) -> Image:
    return Image(url, width, height, None, None, None, written)


@pytest.mark.parametrize(
    ("written", "expected", "issues"),
    [
        ("{url: u, width: 1, height: 2}", image("u", 1, 2), []),
        ("{url: u, width: null}", image("u", written='{"url":"u","width":null}'), []),
        ("{url: u, alt: é}", image("u", written='{"url":"u","alt":"é"}'), []),
        (
            "{url: u, width: -1, height: 5}",
            image("u", None, 5, '{"url":"u","width":-1,"height":5}'),
            [("warning", "negative_size", "images[0].width", 2, 26)],
        ),
        (
            "{url: u, width: big}",
            image("u", written='{"url":"u","width":"big"}'),
            [("warning", "not_a_number", "images[0].width", 2, 26)],
        ),
        (
            "{url: 5}",
            image("5", written='{"url":5}'),
            [("notice", "text_from_value", "images[0].url", 2, 16)],
        ),
        ("{width: 1}", None, [("warning", "image_without_url", "images[0]", 2, 10)]),
        ("{url: ''}", None, [("warning", "image_without_url", "images[0]", 2, 10)]),
        ("u", None, [("warning", "image_without_url", "images[0]", 2, 10)]),
        ("null", None, [("warning", "image_without_url", "images[0]", 2, 10)]),
    ],
)
def test_images(written: str, expected: Image | None, issues: list[tuple[Any, ...]]) -> None:
    document = article(f"images: [{written}]")
    assert document.images == ((expected,) if expected else ())
    assert ("images" in json.loads(document.extra)) is (expected is None)
    assert found(document) == issues


def test_one_bad_image_keeps_the_whole_list_in_extra() -> None:
    document = article("images: [{url: u}, {width: 1}]")
    assert document.images == (image("u"),)
    assert json.loads(document.extra) == {"images": [{"url": "u"}, {"width": 1}]}


class _LongText(str):
    """A text that is too long for Hypothesis to print."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<long text>"


#: Unusual values of an entry, by key; `...` removes the key.
_UNUSUAL_IMAGE: dict[str, list[object]] = {
    "url": ["1.png", "0x1F", _LongText("http" + "x" * MAX_TEXT), "", None, 5, ...],
    "width": [0, -1, 2**63 - 1, 2**63, 800.0, True, None, ...],
    "height": [-1, 2**63, "600", None, ...],
    "isCached": [False, None, "yes", 1, ...],
    "title": ["A view", None],
    "alt": ["x"],
}
_UNUSUAL_PROVIDER: dict[str, list[object]] = {
    "name": ["0x1F", _LongText("x" * MAX_TEXT), "", None, 5, ...],
    "domain": ["1e5", None, True, ...],
    "authors": [[{"name": "Ann"}]],
}


def _similar_entries(
    usual: dict[str, Any], odd: dict[str, list[object]]
) -> st.SearchStrategy[dict[str, Any]]:
    """Return entries that differ from the usual form in at most two keys."""
    one = st.sampled_from([(key, value) for key, values in odd.items() for value in values])
    return st.lists(one, max_size=2).map(
        lambda changes: {key: value for key, value in (usual | dict(changes)).items() if value is not ...}
    )


_IMAGE = {"url": "https://a.example/1.png", "width": 800, "height": 600, "isCached": True}
_ENTRIES = _similar_entries(_IMAGE, _UNUSUAL_IMAGE)
_PROVIDERS = _similar_entries({"name": "The Sun", "domain": "sun.example"}, _UNUSUAL_PROVIDER)


@given(st.lists(_ENTRIES, max_size=2), _PROVIDERS)
def test_the_fast_path_of_images_and_providers_agrees_with_the_slow_one(
    images: list[Any], provider: dict[str, Any]
) -> None:
    data = f"---\n{json.dumps({'images': images, 'provider': provider})}\n---\n".encode()
    read = parse_article(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fields, "_usual_image", lambda _: None)
        patch.setattr(fields, "_usual_provider", lambda _: None)
        assert parse_article(data) == read


def test_an_image_encodes_to_its_entry() -> None:
    entry = {"url": "u", "width": 1, "height": 2, "isCached": False, "title": "é", "attribution": "A"}
    (read,) = article(f"images: [{json.dumps(entry)}]").images
    assert read.written is None
    assert json.loads(encode_image(read)) == entry


@pytest.mark.parametrize(
    ("written", "provider", "issues"),
    [
        ("{name: N, domain: d}", Provider("N", "d"), []),
        ("{domain: d}", Provider(None, "d"), []),
        ("{name: '', domain: ''}", Provider("", ""), []),
        ("{}", None, []),
        ("null", None, []),
        ("{name: 3}", Provider("3", None), [("notice", "text_from_value", "provider.name", 2, 18)]),
        ("{name: [N]}", None, [("warning", "not_one_value", "provider.name", 2, 18)]),
        ("N", None, [("warning", "not_a_mapping", "provider", 2, 11)]),
        ("[N]", None, [("warning", "not_a_mapping", "provider", 2, 11)]),
    ],
)
def test_provider(written: str, provider: Provider | None, issues: list[tuple[Any, ...]]) -> None:
    document = article(f"provider: {written}")
    assert document.provider == provider
    assert found(document) == issues


@pytest.mark.parametrize(
    ("written", "authors", "issues"),
    [
        ("[A, {name: B}]", ("A", "B"), []),
        ("[{name: 3}, {age: 3}, null]", (), []),
        ("A", ("A",), [("notice", "list_of_one", "provider.authors", 2, 21)]),
        ("5", (), [("warning", "not_a_list", "provider.authors", 2, 21)]),
    ],
)
def test_authors(written: str, authors: tuple[str, ...], issues: list[tuple[Any, ...]]) -> None:
    document = article(f"provider: {{authors: {written}}}")
    assert document.authors == authors
    assert "authors" in json.loads(document.extra)["provider"]
    assert found(document) == issues


def test_a_related_link_keeps_what_has_no_field() -> None:
    (link,) = article(
        "related: [{title: 5, publishedDateTime: 2021-05-28, ampWebUrl: a, images: [{url: u}]}]"
    ).related
    assert (link.title, link.published_at) == ("5", dt.datetime(2021, 5, 28, tzinfo=dt.UTC))
    assert link.images == (image("u"),)
    assert json.loads(link.extra or "") == {"title": 5, "publishedDateTime": "2021-05-28", "ampWebUrl": "a"}


@pytest.mark.parametrize(
    ("written", "count", "issues"),
    [
        ("[{}]", 1, []),
        ("[{quality: x}]", 1, [("warning", "not_a_number", "related[0].quality", 2, 21)]),
        ("[{title: T}, x]", 1, [("warning", "not_a_mapping", "related[1]", 2, 23)]),
        ("[null]", 0, [("warning", "not_a_mapping", "related[0]", 2, 11)]),
        ("{title: T}", 0, [("warning", "not_a_list", "related", 2, 10)]),
    ],
)
def test_unusual_related_links(written: str, count: int, issues: list[tuple[Any, ...]]) -> None:
    document = article(f"related: {written}")
    assert len(document.related) == count
    assert ("related" in json.loads(document.extra)) is (count == 0 or "x]" in written)
    assert found(document) == issues


@pytest.mark.parametrize(
    "front", ["a: {{{}: x}}", "provider: {{{}: x}}", "images: [{{{}: x}}]", "related: [{{{}: x}}]"]
)
@pytest.mark.parametrize("key", ["1", "true", "null", ".5"])
def test_a_nested_key_that_is_not_text_is_rejected_everywhere(front: str, key: str) -> None:
    assert error_place(f"---\n{front.format(key)}\n---\n")[:2] == ("bad_key", 2)


@pytest.mark.parametrize("front", ["a", "provider", "related"])
def test_a_mapping_with_too_many_keys_is_rejected_everywhere(front: str) -> None:
    keys = "".join(f"    k{i}: 1\n" for i in range(501))
    start = f"{front}:\n  -\n" if front == "related" else f"{front}:\n"
    assert error_place(f"---\n{start}{keys}---\n")[0] == "too_many_keys"


# --- bytes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "code", "line", "column"),
    [
        ("---\na: 1\n---\n".encode("utf-16"), "not_utf8", 1, 1),
        (b"\xfe\xff" + "---\n".encode("utf-16-be"), "not_utf8", 1, 1),
        ("---\na: café\n---\n".encode("latin-1"), "not_utf8", 2, 7),
        ("---\na: 1\n---\ncafé".encode("latin-1"), "not_utf8", 4, 4),
        (b"---\na: \xc0\xaf\n---\n", "not_utf8", 2, 4),
        (b"---\na: \xe0\x80\xaf\n---\n", "not_utf8", 2, 4),
        (b"---\na: \xed\xa0\x80\n---\n", "not_utf8", 2, 4),
        (b"---\na: b\x00\n---\n", "control_character", 2, 5),
        (b"---\na: b\x1b[31m\n---\n", "control_character", 2, 5),
        (b"---\na: b\x0c\n---\n", "control_character", 2, 5),
        (b"---\na: b\x7f\n---\n", "control_character", 2, 5),
        ("---\na: é\x9b\n---\n".encode(), "control_character", 2, 5),
        ("---\na: b\x85\n---\n".encode(), "control_character", 2, 5),
        ("---\na: b\ufffe\n---\n".encode(), "control_character", 2, 5),
        (b"---\na: 1\n---\nx\x00", "control_character", 4, 2),
        (b"---\na: 1\n", "no_closing_fence", 1, 1),
        (b"---\n", "no_closing_fence", 1, 1),
        (b"---", "no_closing_fence", 1, 1),
        (b"---\na: 1\n ---\n", "no_closing_fence", 1, 1),
        (b"+++\ntitle = 'x'\n+++\n", "unsupported_format", 1, 1),
        (b'{\n"a": 1\n}\n', "unsupported_format", 1, 1),
        (b"\xef\xbb\xbf{\r\n}\r\n", "unsupported_format", 1, 1),
        (b";;;\n{}\n;;;\n", "unsupported_format", 1, 1),
        (b"---json\n{}\n---\n", "unsupported_format", 1, 1),
        (b"---TOML\na = 1\n---\n", "unsupported_format", 1, 1),
        (b"---\n---\n", "empty_front_matter", 2, 1),
        (b"---\n# note\n\n---\n", "empty_front_matter", 2, 1),
        (b"---\n- a\n---\n", "not_a_mapping", 2, 1),
        (b"---\ntext\n---\n", "not_a_mapping", 2, 1),
        # the position of a YAML error is that in the file
        (b"---\na: 1\nb: c: d\n---\n", "yaml_syntax", 3, 5),
        (b"---\na: 1\n\tb: 2\n---\n", "yaml_syntax", 3, 1),
        (b"---\na: 'b\n---\nbody\n", "yaml_syntax", 2, 4),
        (b"---\r\na: 1\r\na: 2\r\n---\r\n", "duplicate_key", 3, 1),
        (b"\xef\xbb\xbf---\na: !!set {b}\n---\n", "unsupported_tag", 2, 4),
        (b"---\na: &x [*x]\n---\n", "alias_cycle", 2, 8),
        (b'---\na: "\\0"\n---\n', "nul_character", 2, 4),
    ],
)
def test_a_file_that_is_rejected(data: bytes, code: str, line: int, column: int) -> None:
    assert error_place(data) == (code, line, column)


@pytest.mark.parametrize(
    ("data", "at"),
    [
        ("---\na: café\n---\n".encode("latin-1"), "byte 10"),
        (b"\xef\xbb\xbf---\na: \xff\n---\n", "byte 10"),
        (b"\xff\xfe-\0", "byte 0"),
    ],
)
def test_the_position_of_invalid_utf8_is_in_the_message(data: bytes, at: str) -> None:
    assert at in parse_error(data).message


@pytest.mark.parametrize(
    ("data", "issues"),
    [
        (b"\xef\xbb\xbf---\na: 1\n---\nb\nc\n", [("byte_order_mark", 1)]),
        (b"---\r\na: 1\r\n---\r\nb\r\nc\r\n", [("line_ends", 1)]),
        (b"---\ra: 1\r---\rb\rc\r", [("line_ends", 1)]),
        (b"--- \t\na: 1\n---\nb\nc\n", [("fence_spaces", 1)]),
        (b"---\na: 1\n---  \nb\nc\n", [("fence_spaces", 3)]),
        (
            b"\xef\xbb\xbf--- \r\na: 1\r\n---\r\nb\r\nc",
            [("byte_order_mark", 1), ("line_ends", 1), ("fence_spaces", 1)],
        ),
        (b"---\na: 1\n...\nb\nc\n", [("odd_fence", 3)]),
        (b"---yaml\na: 1\n---\nb\nc\n", [("odd_fence", 1)]),
        (b"---YAML\na: 1\n---\nb\nc\n", [("odd_fence", 1)]),
        (b"--- Yml\r\na: 1\r\n---\r\nb\r\nc", [("line_ends", 1), ("odd_fence", 1)]),
        (b"--- yml \na: 1\n... \nb\nc\n", [("odd_fence", 1), ("odd_fence", 3), ("fence_spaces", 1)]),
        (b"---\r\na: 1\r\n...\r\nb\r\nc", [("line_ends", 1), ("odd_fence", 3)]),
        (b"---\ra: 1\r...\rb\rc", [("line_ends", 1), ("odd_fence", 3)]),
    ],
)
def test_each_normalisation_is_one_notice(data: bytes, issues: list[tuple[str, int]]) -> None:
    document = parse_article(data)
    assert document is not None
    assert (document.extra, document.body) == ('{"a":1}', "b\nc")
    assert [(f.severity, f.code, f.line) for f in document.issues] == [("notice", *issue) for issue in issues]


@pytest.mark.parametrize("flag", ["published: false", "'removed': true", "Draft : true", "  quality: 1"])
def test_flags_below_three_dots_are_not_read_as_the_body(flag: str) -> None:
    assert error_place(f"---\na: 1\n...\n{flag}\n---\nb\n") == ("fields_below_fence", 3, 1)


@pytest.mark.parametrize(
    "below",
    [
        "published: false\nbody", "published: false\n...\nbody", "draft: true\n...\nb\n---\nb", "date: 2999-01-01\n---\nb",
        "? published\n: false\n---\nb", "{published: false}\n---\nb", "? removed\n: true\n---", "publishd: false\n---",
        "'removed' : true\nb", "b\n\nb\n\n  PublishedDateTime: 2999-01-01", "- draft: true", "DRAFT:",
    ],
)  # fmt: skip
def test_no_field_below_three_dots_is_lost(below: str) -> None:
    assert error_place(f"---\na: 1\n...\n{below}\n")[0] == "fields_below_fence"


@pytest.mark.parametrize(
    "below", ["", "body", "The draft: of it", "http://e.org/published", "drafty weather"]
)
def test_a_body_below_three_dots_is_a_body(below: str) -> None:
    assert parse_article(f"---\na: 1\n...\n{below}\n".encode()) is not None


@pytest.mark.parametrize(
    "front",
    [
        'title: "x\npublished: false\nexcerpt: "', 'title: "x\nremoved: true\nz: "', "t: 'x\ndraft: true\n'",
        't: "x\npublishd: false\n"', 't: "x\ndate: 2999-01-01\n"', "t: 'x\n? published\n: false\n'",
        'published: true\nt: "x\npublished: false\n"', "t: 'x\n{published: false}\n'",
    ],
)  # fmt: skip
def test_a_field_inside_an_unclosed_text_is_an_error(front: str) -> None:
    assert error_place(f"---\n{front}\n---\nb\n")[0] in ("yaml_syntax", "duplicate_key")


def test_a_text_at_the_left_margin_without_a_field_is_read() -> None:
    assert parse_article(b'---\npublished: false\nt: "x\ny: z"\n---\nb\n') is not None


def test_three_dots_end_front_matter() -> None:
    document = parse_article(b"---\na: 1\n...\nsay: published\n---\nmore: published: false\n")
    assert document is not None
    assert document.body == "say: published\n---\nmore: published: false"


@pytest.mark.parametrize("fence", [b"---", b"...", b"... "])
def test_secured_is_above_the_first_fence(fence: bytes) -> None:
    def document(secured: bytes, body: bytes) -> bytes:
        return b"---\nsecured: " + secured + b"\na: 1\n" + fence + b"\n" + body + b"\n---\n"

    assert hash_content(document(b"abc=", b"b")) == hash_content(document(b"xyz=", b"b"))
    assert hash_content(document(b"abc=", b"secured: b")) != hash_content(document(b"abc=", b"secured: c"))


@pytest.mark.parametrize("fences", [("---", "..."), ("---yaml", "---"), ("--- yml ", "... ")])
def test_unusual_fences_stay_when_a_flag_changes(fences: tuple[str, str]) -> None:
    first, last = fences
    edited = set_flag_lines(f"{first}\nquality: 5\n{last}\nb\n".encode(), {"quality": 7, "published": False})
    assert edited == f"{first}\nquality: 7\npublished: false\n{last}\nb\n".encode()


@pytest.mark.parametrize("front", ['a: "\\ud83d\\ude00"', 'a: "\\ud83d\\ude00"\ntitle: 3'])
def test_a_surrogate_pair_is_rejected_with_or_without_other_issues(front: str) -> None:
    assert error_place(f"---\n{front}\n---\n") == ("yaml_syntax", 2, 7)


def test_columns_count_characters_not_bytes() -> None:
    assert article("a: 😀\nb: {é: é, c: .nan}").issues == (
        Issue("warning", "not_finite", "nan cannot be stored as a number", "b.c", 3, 14),
    )


# --- the hash ----------------------------------------------------------------------------------------

LF = b"---\na: 1\nsecured: %s\nb: 2\n---\nbody\n"
QUOTED = b'---\r\na: 1\r\nsecured: "%s"\r\n---\r\nbody\r\n'


@pytest.mark.parametrize("form", [LF, QUOTED, b"---\nsecured: %s\n---\n", b"---\na: 1\nsecured: '%s'\n---"])
def test_the_hash_ignores_secured(form: bytes) -> None:
    assert hash_content(form % b"abc+/=;def=") == hash_content(form % b"xyz;0==")
    assert hash_content(form % b"") == hash_content(form % b"xyz")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (LF % b"abc", (LF % b"abc").replace(b"b: 2", b"b: 3")),
        (LF % b"abc", (LF % b"abc").replace(b"body", b"bode")),
        (LF % b"abc", (LF % b"abc").replace(b"\n", b"\r\n")),
        (LF % b"abc", LF % b"abc def"),
        (b"---\na: 1\n---\nsecured: abc\n", b"---\na: 1\n---\nsecured: def\n"),
        (b"---\na:\n  secured: abc\n---\n", b"---\na:\n  secured: def\n---\n"),
        (b"---\na: |\n secured: abc\n---\n", b"---\na: |\n secured: def\n---\n"),
        (b"---\nnotsecured: abc\n---\n", b"---\nnotsecured: def\n---\n"),
        (b"---\nsecured: a\n---\n\nsecured: abc\n", b"---\nsecured: a\n---\n\nsecured: def\n"),
        (b"no fence\nsecured: abc\n", b"no fence\nsecured: def\n"),
    ],
)
def test_the_hash_ignores_nothing_else(one: bytes, other: bytes) -> None:
    assert hash_content(one) != hash_content(other)


# --- taxonomy ----------------------------------------------------------------------------------------


def organization(front: str) -> Organization:
    read = parse_organization(f"---\n{front}\n---\n".encode())
    assert read is not None
    return read


def test_an_organization() -> None:
    read = organization(
        "_id: x\nname: N\ndomain: d\notherNames: [A, B]\ndescription: D\nimages: [{url: u, width: 50}]"
    )
    assert (read.provider, read.description, read.aliases) == (Provider("N", "d"), "D", ("A", "B"))
    assert read.images == (image("u", 50),)
    assert json.loads(read.front_matter) == {
        "_id": "x",
        "name": "N",
        "domain": "d",
        "otherNames": ["A", "B"],
        "description": "D",
        "images": [{"url": "u", "width": 50}],
    }


def test_secured_is_not_stored_in_the_taxonomy_either() -> None:
    assert "secured" not in organization('name: N\nsecured: "QUJD;REVG"').front_matter
    assert "secured" not in parse_topic(b'name: T\nsecured: "QUJD;REVG"\n').front_matter


def test_other_names() -> None:
    read = organization("name: N\notherNames: A")
    assert read.aliases == ("A",)
    assert found(read) == [("notice", "list_of_one", "otherNames", 3, 13)]
    read = organization("domain: d\notherNames: [A, 5]")
    assert (read.provider, read.aliases) == ((None, "d"), ("A",))
    assert json.loads(read.front_matter)["otherNames"] == ["A", 5]


@pytest.mark.parametrize("front", ["description: D", "name: null", "name: [N]"])
def test_an_organization_without_name_and_domain(front: str) -> None:
    assert error_place(f"---\n{front}\n---\n", parse_organization) == ("missing_name", 1, 1)


def test_the_taxonomy_of_the_sample_site() -> None:
    organizations = [
        parse_organization(p.read_bytes()) for p in sorted((SITE / "_data/organizations").iterdir())
    ]
    assert [o.provider.domain for o in organizations if o] == [
        p.stem for p in sorted((SITE / "_data/organizations").iterdir())
    ]
    topics = [parse_topic(p.read_bytes()) for p in sorted((SITE / "_data/topics").iterdir())]
    assert {topic.name: (topic.slug, topic.parent) for topic in topics}["Tides"] == ("tides", "Coast")
    assert not [topic.issues for topic in topics if topic.issues]


@pytest.mark.parametrize(
    "data",
    [
        b"_id: t\nname: T\nparent: P\nkeywords: [a]\n",
        b"_id: t\nname: T\nparent: P\nkeywords: [a]",
        b"---\n_id: t\nname: T\nparent: P\nkeywords: [a]\n---\n",
        b"---\n_id: t\nname: T\nparent: P\nkeywords: [a]\n",
    ],
)
def test_a_topic_with_a_fence_or_without(data: bytes) -> None:
    whole = '{"_id":"t","name":"T","parent":"P","keywords":["a"]}'
    assert parse_topic(data) == Topic("T", "t", "P", whole, ())


@pytest.mark.parametrize(
    "changed",
    [
        b'---\ntitle: T\nsecured: "QUJD\nheat: 1\n---\n',  # the quotes are not closed, so it is not a document
        b"---\ntitle: T\nsecured: QUJD\n  more\nheat: 1\n---\n",  # the line is a part of another text
    ],
)
def test_the_content_hash_hides_no_change_behind_secured(changed: bytes) -> None:
    assert hash_content(changed) != hash_content(b"---\ntitle: T\nheat: 1\n---\n")
    assert hash_content(changed) != hash_content(b'---\ntitle: T\nsecured: "REVG"\nheat: 1\n---\n')


def test_at_most_a_hundred_issues_of_one_file_are_listed() -> None:
    read = parse_article(b"---\nx: [" + b".nan, " * 20_000 + b"1]\n---\n")
    assert read is not None
    assert len(read.issues) == 101
    assert read.issues[-1].code == "too_many_issues"


@pytest.mark.parametrize("field", ["title: {}", "topics: [{}]", "items: [{}]", "provider: {{name: {}}}"])
def test_an_invalid_date_is_rejected_in_any_field(field: str) -> None:
    with pytest.raises(DocumentError, match="not a valid date"):
        parse_article(f"---\n{field.format('2021-02-30')}\n---\n".encode())
    read = parse_article(f"---\n{field.format(chr(34) + '2021-02-30' + chr(34))}\n---\n".encode())
    assert read is not None
    assert read.issues == ()


@pytest.mark.parametrize("field", ["topics", "items", "otherNames"])
def test_a_huge_text_in_a_list_is_not_stored(field: str) -> None:
    text = "x" * (1024 * 1024 + 1)
    data = f"---\nname: N\n{field}: [{text}, short]\n---\n".encode()
    read = parse_organization(data) if field == "otherNames" else parse_article(data)
    assert read is not None
    assert "text_too_long" in [issue.code for issue in read.issues]
    assert text not in repr(read)


def test_the_issues_of_a_topic_count_from_its_own_first_line() -> None:
    read = parse_topic(b"\xef\xbb\xbfname: 5\r\nparent: [P]\r\n")
    assert (read.name, read.parent) == ("5", None)
    assert [(f.code, f.line, f.column) for f in read.issues] == [
        ("byte_order_mark", 1, 1),
        ("line_ends", 1, None),
        ("text_from_value", 1, 7),
        ("not_one_value", 2, 9),
    ]


@pytest.mark.parametrize(
    ("data", "code", "line", "column"),
    [
        (b"_id: t\n", "missing_name", 1, 1),
        (b"name: ''\n", "missing_name", 1, 1),
        (b"", "empty_front_matter", 1, 1),
        (b"- a\n", "not_a_mapping", 1, 1),
        (b"name: T\nname: U\n", "duplicate_key", 2, 1),
        (b"name: T\x1b\n", "control_character", 1, 8),
        (b"# note\n---\nname: T\x1b\n", "control_character", 3, 8),
        (b"name: caf\xe9\n", "not_utf8", 1, 10),
        (b"name: T\n---\nname: U\n", "several_documents", 2, 1),
        (b"name: T\nsince: 2021-02-30\n", "bad_date", 2, 8),
    ],
)
def test_a_topic_that_is_rejected(data: bytes, code: str, line: int, column: int) -> None:
    assert error_place(data, parse_topic) == (code, line, column)


# --- nothing but DocumentError -----------------------------------------------------------------------

noise = st.one_of(
    st.binary(min_size=1, max_size=4),
    st.sampled_from(
        [b"---\n", b"\n", b"\r", b"\t", b": ", b"- ", b"? ", b"&a ", b"*a", b"<<: *a\n", b"!!int ", b"!x ", b"{", b"[",
         b"]", b"}", b'"', b"'", b"\\", b"|\n", b"#", b"\xff", b"\x00", b"\x1b", b"\xc2\x9b", b"\xe2\x80\xa8", b"\xef\xbb\xbf",
         b"9" * 30, b".nan", b"012", b"1:30", b"2021-02-30", b"\\ud800", b"\\0", b"yes", b"~", b",", b"%", b"@"]
    ),
)  # fmt: skip
mutations = st.lists(
    st.tuples(st.sampled_from(["flip", "insert", "delete"]), st.integers(0, len(FULL.encode())), noise),
    max_size=6,
)


@settings(max_examples=500)
@given(mutations)
def test_a_mutated_document_is_read_or_rejected(changes: list[tuple[str, int, bytes]]) -> None:
    data = FULL.encode()
    for kind, at, piece in changes:
        until = at if kind == "insert" else at + len(piece)
        data = data[:at] + (b"" if kind == "delete" else piece) + data[until:]
    parse_anything(data)


@settings(max_examples=300)
@given(st.binary(max_size=100), st.lists(noise, max_size=20).map(b"".join))
def test_random_bytes_are_read_or_rejected(data: bytes, front: bytes) -> None:
    parse_anything(data)
    parse_anything(b"---\n" + data + b"\n---\n")
    parse_anything(b"---\na: " + front + b"\n---\n" + data)


def parse_anything(data: bytes) -> None:
    for parse in (parse_article, parse_organization, parse_topic):
        try:
            document = parse(data)
        except DocumentError as error:
            assert error.code, data  # noqa: PT017 - either outcome will do
            continue
        if document is not None:
            json.loads(document.extra if isinstance(document, Document) else document.front_matter)
    assert len(hash_content(data)) == 64
