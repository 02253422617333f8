"""Import documents with odd values.

Each value that is normalised gives one notice. A value that a column cannot store leaves it empty, with a
warning. A new article is not published if a flag that may hide it cannot be read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import Result

GOOD = b"---\ntitle: good\n---\nBody.\n"

#: Severity, code, field, line and column of an issue.
ExpectedIssue = tuple[str, str, str | None, int | None, int | None]


class Kind(NamedTuple):
    """A file, the expected values in the output of `show`, and the expected issues."""

    content: bytes
    expected: Mapping[str, Any]
    issues: tuple[ExpectedIssue, ...] = ()


def front(text: str) -> bytes:
    return f"---\nid: x\n{text}\n---\nOne\nTwo.\n".encode()


def normalised(text: str, code: str, expected: Mapping[str, Any], field: str, column: int) -> Kind:
    """Return a file whose field on the third line is normalised. Its text stays in `extra`."""
    return Kind(front(text), expected, (("notice", code, field, 3, column),))


def emptied(text: str, code: str, expected: Mapping[str, Any], field: str, line: int, column: int) -> Kind:
    return Kind(front(text), expected, (("warning", code, field, line, column),))


def unreadable(text: str, code: str, expected: Mapping[str, Any], field: str, line: int, column: int) -> Kind:
    """Return a new file with a flag that cannot be read."""
    return Kind(front(text), expected, (("error", code, field, line, column),))


AS_LF = {"title": "T", "body": "One\nTwo.", "extra": {}}
LF = b"---\ntitle: T\n---\nOne\nTwo.\n"
BIG = "x" * (1024 * 1024 + 1)


def with_extra(field: str, value: Any, values: Any) -> dict[str, Any]:
    return {field: value, "extra": {"id": "x", **values}}


def withheld(values: dict[str, Any]) -> dict[str, Any]:
    """Return the expected values of a new article that is withheld."""
    return {"published": False, "upstream_published": False, **with_extra("title", None, values)}


#: C. Values that are normalised, with a notice.
NORMALISED: dict[str, Kind] = {
    "byte_order_mark": Kind(b"\xef\xbb\xbf" + LF, AS_LF, (("notice", "byte_order_mark", None, 1, 1),)),
    "crlf": Kind(LF.replace(b"\n", b"\r\n"), AS_LF, (("notice", "line_ends", None, 1, None),)),
    "cr": Kind(LF.replace(b"\n", b"\r"), AS_LF, (("notice", "line_ends", None, 1, None),)),
    "mixed_line_ends": Kind(
        LF.replace(b"T\n", b"T\r\n").replace(b"One\n", b"One\r"), AS_LF, (("notice", "line_ends", None, 1, None),)
    ),
    "spaces_after_the_opening_fence": Kind(
        LF.replace(b"---\nt", b"--- \t\nt"), AS_LF, (("notice", "fence_spaces", None, 1, 4),)
    ),
    "spaces_after_the_closing_fence": Kind(
        LF.replace(b"---\nO", b"---  \nO"), AS_LF, (("notice", "fence_spaces", None, 3, 4),)
    ),
    "date_without_a_zone": normalised(
        "publishedDateTime: 2021-05-28T16:00:00", "date_without_zone",
        with_extra("published_at", "2021-05-28T16:00:00Z", {"publishedDateTime": "2021-05-28T16:00:00"}),
        "publishedDateTime", 20,
    ),
    "date_without_a_time": normalised(
        "updatedDateTime: 2021-05-28", "date_without_time",
        with_extra("updated_at", "2021-05-28T00:00:00Z", {"updatedDateTime": "2021-05-28"}), "updatedDateTime", 18,
    ),
    **{
        f"{word}_for_a_flag{number}": normalised(
            f"published: {word}", "flag_word", with_extra("upstream_published", value, {"published": word}),
            "published", 12,
        )
        for number, (word, value) in enumerate(
            {"yes": True, "no": False, "on": True, "off": False, "Yes": True, "OFF": False}.items()
        )
    },
    "quoted_number": normalised("heat: '5'", "quoted_number", with_extra("heat", 5, {"heat": "5"}), "heat", 7),
    "exponent": normalised(
        "sha: 61e9540", "number_lookalike", with_extra("title", None, {"sha": "61e9540"}), "sha", 6
    ),
    "underscore": normalised("code: _1", "number_lookalike", with_extra("title", None, {"code": "_1"}), "code", 7),
    "leap_second": normalised(
        "updatedDateTime: 2016-12-31T23:59:60Z", "odd_date",
        with_extra("updated_at", "2016-12-31T23:59:59Z", {"updatedDateTime": "2016-12-31T23:59:60Z"}),
        "updatedDateTime", 18,
    ),
    "dots_for_a_fence": Kind(LF.replace(b"---\nO", b"...\nO"), AS_LF, (("notice", "odd_fence", None, 3, 1),)),
    "fence_of_yaml": Kind(LF.replace(b"---\nt", b"---yaml\nt"), AS_LF, (("notice", "odd_fence", None, 1, 1),)),
    "sexagesimal": normalised(
        "length: 1:30", "sexagesimal_lookalike", with_extra("title", None, {"length": "1:30"}), "length", 9
    ),
    "sexagesimal_of_three": normalised(
        "length: -190:20:30", "sexagesimal_lookalike", with_extra("title", None, {"length": "-190:20:30"}), "length", 9
    ),
    "sexagesimal_title": normalised(
        "title: 12:30", "sexagesimal_lookalike", with_extra("title", "12:30", {}), "title", 8
    ),
    "octal": normalised("mode: 0777", "octal_lookalike", with_extra("title", None, {"mode": "0777"}), "mode", 7),
    "octal_below_ten": normalised("code: 012", "octal_lookalike", with_extra("title", None, {"code": "012"}), "code", 7),
    "octal_of_no_octal_digits": normalised(
        "code: 089", "octal_lookalike", with_extra("title", None, {"code": "089"}), "code", 7
    ),
    "octal_title": normalised("title: 007", "octal_lookalike", with_extra("title", "007", {}), "title", 8),
    "integer_title": normalised(
        "title: 2024", "text_from_value", with_extra("title", "2024", {"title": 2024}), "title", 8
    ),
    "hexadecimal_title": normalised(
        "title: 0x1F", "text_from_value", with_extra("title", "0x1F", {"title": 31}), "title", 8
    ),
    "decimal_title": normalised("title: 1.50", "text_from_value", with_extra("title", "1.50", {"title": 1.5}), "title", 8),
    # Every dump has its own unknown keys. They are stored completely, without an issue.
    "unknown_keys": Kind(
        front("price: null\nratings: {count: 3, average: 4.5, by: [a, {b: true}]}\nÜber key: 'é'"),
        with_extra("title", None, {
            "price": None, "ratings": {"count": 3, "average": 4.5, "by": ["a", {"b": True}]}, "Über key": "é",
        }),
    ),
}  # fmt: skip

#: D. Values that leave the field empty, with a warning.
EMPTIED: dict[str, Kind] = {
    "nan_in_an_unknown_field": emptied(
        "ratings:\n  best: 5\n  average: .NaN", "not_finite",
        with_extra("title", None, {"ratings": {"best": 5}}), "ratings.average", 5, 12,
    ),
    "integer_over_64_bits_in_an_unknown_field": emptied(
        "views: [1, 18446744073709551616]", "integer_out_of_range",
        with_extra("title", None, {"views": [1]}), "views[1]", 3, 12,
    ),
    "list_for_a_text": emptied(
        "title: [a, b]", "not_one_value", with_extra("title", None, {"title": ["a", "b"]}), "title", 3, 8
    ),
    "mapping_for_a_text": emptied(
        "title: {a: b}", "not_one_value", with_extra("title", None, {"title": {"a": "b"}}), "title", 3, 8
    ),
    "list_for_a_date": emptied(
        "publishedDateTime: [2021-05-28]", "not_an_instant",
        with_extra("published_at", None, {"publishedDateTime": ["2021-05-28"]}), "publishedDateTime", 3, 20,
    ),
    "list_for_a_provider": emptied(
        "provider: [N]", "not_a_mapping", with_extra("provider", None, {"provider": ["N"]}), "provider", 3, 11
    ),
    "list_for_a_providers_name": emptied(
        "provider:\n  name: [N]\n  domain: d", "not_one_value",
        {"provider": None, "domain": "d", "extra": {"id": "x", "provider": {"name": ["N"]}}}, "provider.name", 4, 9,
    ),
    "text_for_a_related_quality": emptied(
        "related:\n  - title: R\n    quality: good", "not_a_number",
        {"related": [{"title": "R", "quality": None}]}, "related[0].quality", 5, 14,
    ),
    "text_for_an_image_size": emptied(
        "images:\n  - url: w\n    width: wide\n    height: 5", "not_a_number",
        {"images": [{"url": "w", "width": None, "height": 5}]}, "images[0].width", 5, 12,
    ),
    "text_for_a_date": emptied(
        "publishedDateTime: soon", "not_an_instant",
        with_extra("published_at", None, {"publishedDateTime": "soon"}), "publishedDateTime", 3, 20,
    ),
    "year_0": emptied(
        "publishedDateTime: 0000-01-01T00:00:00Z", "year_out_of_range",
        with_extra("published_at", None, {"publishedDateTime": "0000-01-01T00:00:00Z"}), "publishedDateTime", 3, 20,
    ),
    "year_10000": emptied(
        "publishedDateTime: 10000-01-01", "year_out_of_range",
        with_extra("published_at", None, {"publishedDateTime": "10000-01-01"}), "publishedDateTime", 3, 20,
    ),
    "year_0_by_its_zone": emptied(
        "publishedDateTime: 0001-01-01T00:00:00+02:00", "year_out_of_range",
        with_extra("published_at", None, {"publishedDateTime": "0001-01-01T00:00:00+02:00"}), "publishedDateTime", 3, 20,
    ),
    "year_before_christ": emptied(
        "publishedDateTime: -0044-03-15", "not_an_instant",
        with_extra("published_at", None, {"publishedDateTime": "-0044-03-15"}), "publishedDateTime", 3, 20,
    ),
    "title_over_1_MiB": emptied(f"title: {BIG}", "text_too_long", with_extra("title", None, {}), "title", 3, 8),
    "unknown_field_over_1_MiB": emptied(
        f"note: {BIG}\nprice: 1", "text_too_long", with_extra("title", None, {"price": 1}), "note", 3, 7
    ),
    "topic_over_1_MiB": emptied(f"topics:\n- {BIG}\n- T", "text_too_long", {"topics": ["T"]}, "topics[0]", 4, 3),
    "image_of_negative_width": emptied(
        "images:\n  - url: u\n    width: -5\n    height: 5", "negative_size",
        {"images": [{"url": "u", "width": None, "height": 5}]}, "images[0].width", 5, 12,
    ),
    "image_of_negative_height": emptied(
        "images: [{url: v, width: 5, height: -1}]", "negative_size",
        {"images": [{"url": "v", "width": 5, "height": None}]}, "images[0].height", 3, 37,
    ),
}  # fmt: skip

#: D. Flags that cannot be read: an error, and a new article is withheld if the flag may hide it.
UNREADABLE: dict[str, Kind] = {
    "nan": unreadable("heat: .nan", "not_finite", with_extra("heat", None, {}), "heat", 3, 7),
    "infinity": unreadable("quality: .inf", "not_finite", with_extra("quality", None, {}), "quality", 3, 10),
    "minus_infinity": unreadable("quality: -.inf", "not_finite", with_extra("quality", None, {}), "quality", 3, 10),
    "number_too_large": unreadable("heat: 1e300", "not_an_integer", with_extra("heat", None, {"heat": 1e300}), "heat", 3, 7),
    "integer_over_64_bits": unreadable(
        "heat: 9223372036854775808", "integer_out_of_range", with_extra("heat", None, {}), "heat", 3, 7
    ),
    "integer_under_64_bits": unreadable(
        "quality: -9223372036854775809", "integer_out_of_range", with_extra("quality", None, {}), "quality", 3, 10
    ),
    "list_for_a_number": unreadable("heat: [1]", "not_one_value", with_extra("heat", None, {"heat": [1]}), "heat", 3, 7),
    "list_for_a_flag": unreadable(
        "published: [true]", "not_a_flag", withheld({"published": [True]}),
        "published", 3, 12,
    ),
    "text_for_a_number": unreadable("heat: hot", "not_a_number", with_extra("heat", None, {"heat": "hot"}), "heat", 3, 7),
    "quoted_text": unreadable("heat: '5O'", "not_a_number", with_extra("heat", None, {"heat": "5O"}), "heat", 3, 7),
    "fraction_for_a_number": unreadable("heat: 3.5", "not_an_integer", with_extra("heat", None, {"heat": 3.5}), "heat", 3, 7),
    "text_for_a_flag": unreadable(
        "published: maybe", "not_a_flag", withheld({"published": "maybe"}),
        "published", 3, 12,
    ),
    **{
        f"{name}_for_{field}": unreadable(
            f"{field}: {value}", "not_a_flag", withheld({field: written}), field, 3, len(field) + 3
        )
        for field in ("removed", "draft")
        for name, value, written in (("text", "ture", "ture"), ("number", "1", 1), ("nothing", "~", None))
    },
    "nothing_for_a_flag": unreadable("published: null", "not_a_flag", withheld({"published": None}), "published", 3, 12),
}  # fmt: skip

#: Values at a limit, which are imported unchanged.
AT_LIMIT: dict[str, Kind] = {
    "largest_integer": Kind(front(f"heat: {2**63 - 1}"), with_extra("heat", 2**63 - 1, {})),
    "smallest_integer": Kind(front(f"quality: {-(2**63)}"), with_extra("quality", -(2**63), {})),
    "first_year": Kind(front("publishedDateTime: 0001-01-01T00:00:00Z"), with_extra("published_at", "0001-01-01T00:00:00Z", {})),
    "last_year": Kind(front("publishedDateTime: 9999-12-31T23:59:59Z"), with_extra("published_at", "9999-12-31T23:59:59Z", {})),
    "image_of_no_size": Kind(front("images: [{url: u, width: 0}]"), {"images": [{"url": "u", "width": 0}]}),
    **{
        f"{field}_of_1_MiB": Kind(front(f"{field}: {'é' * 1024 * 1024}"), {column: "é" * 1024 * 1024})
        for field, column in {"title": "title", "category": "category", "slug": "slug", "webUrl": "web_url"}.items()
    },
    "names_of_1_MiB": Kind(
        front(f"provider: {{name: {BIG[1:]}, domain: {BIG[1:]}, authors: [{{name: {BIG[1:]}}}]}}\n"
              f"topics: [{BIG[1:]}]\nimages: [{{url: {BIG[1:]}}}]\noriginalUrl: https://a.example/{BIG[100:]}"),
        {"provider": BIG[1:], "domain": BIG[1:], "authors": [BIG[1:]], "topics": [BIG[1:]],
         "images": [{"url": BIG[1:]}], "canonical_url": f"https://a.example/{BIG[100:]}"},
    ),
}  # fmt: skip


def write_dump(kinds: Mapping[str, Kind], folder: Path) -> None:
    """Write a dump with these files, and a valid file for each."""
    news = folder / "_news"
    news.mkdir()
    for name, kind in kinds.items():
        (news / f"{name}.md").write_bytes(kind.content)
        (news / f"good-{name}.md").write_bytes(GOOD)


def select_wanted(value: Any, wanted: Any) -> Any:
    """Return only those parts of a value that the expected value has."""
    if isinstance(wanted, dict):
        return {name: select_wanted(value[name], inner) for name, inner in wanted.items()}
    if isinstance(wanted, list) and wanted and isinstance(wanted[0], dict):
        return [select_wanted(v, w) for v, w in zip(value, wanted, strict=True)]
    return value


@pytest.mark.slow
@pytest.mark.parametrize(
    "kinds",
    [NORMALISED, EMPTIED, UNREADABLE, AT_LIMIT],
    ids=["normalised", "emptied", "unreadable", "at_limit"],
)
def test_each_is_imported_with_one_issue(
    curation: Callable[..., Result], tmp_path: Path, kinds: dict[str, Kind]
) -> None:
    write_dump(kinds, tmp_path)
    exit_code = 3 if kinds is UNREADABLE else 0
    result = curation("import", str(tmp_path), "--source", "s")
    assert (result.exit_code, f"{2 * len(kinds)} added" in result.stdout) == (exit_code, True), result.output
    message = f"{len(kinds)} files need review: unreadable flags, or an uncertain match"
    assert (message in result.stderr) == bool(exit_code)
    assert "0 quarantined" in result.stdout
    for name, kind in kinds.items():
        shown = json.loads(curation("show", f"_news/{name}.md", "--format", "json").stdout)
        for flag in shown["flags"]:
            shown |= {flag["flag"]: flag["value"], f"upstream_{flag['flag']}": flag["upstream"]}
        extra = {"extra": shown["extra"]} if "extra" in kind.expected else {}
        assert {**select_wanted(shown, kind.expected), **extra} == kind.expected, name
    issues = all_issues(curation)
    found: dict[str, list[Any]] = {name: [] for name in kinds}
    for issue in issues:
        place = (issue[part] for part in ("severity", "code", "field", "line", "column"))
        found[issue["path"][6:-3]].append(tuple(place))
    assert found == {name: list(kind.issues) for name, kind in kinds.items()}
    assert all(len(issue["message"]) <= 200 and issue["message"].isprintable() for issue in issues)

    # With another body the issues stay the same. In valid files they are resolved.
    for name, kind in kinds.items():
        (tmp_path / "_news" / f"{name}.md").write_bytes(kind.content + b"More.")
    result = curation("import", str(tmp_path), "--source", "s")
    assert (result.exit_code, f"{len(kinds)} updated" in result.stdout) == (exit_code, True), result.output
    assert all_issues(curation) == issues
    for name in kinds:
        (tmp_path / "_news" / f"{name}.md").write_bytes(GOOD)
    assert curation("import", str(tmp_path), "--source", "s").exit_code == 0
    assert all(issue["resolved"] is not None for issue in all_issues(curation))


def all_issues(curation: Callable[..., Result]) -> list[dict[str, Any]]:
    issues: list[dict[str, Any]] = json.loads(curation("issues", "--all", "--format", "json").stdout)
    return issues
