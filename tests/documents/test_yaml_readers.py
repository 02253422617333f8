"""Both readers of YAML, and those of other projects, agree on random texts.

`CURATION_YAML_DOCUMENTS` is the number of texts that the slow run compares (100,000).
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import pytest
import yaml
import yaml_rs
from ruamel.yaml import YAML

from curation.documents import strict_yaml
from curation.documents.parsing import parse_article
from curation.documents.plain_scalars import resolve
from curation.errors import DocumentError

from ..support.cases import few_or_many
from ..support.random_yaml import NUMBERS, RandomYaml

DOCUMENTS = int(os.environ.get("CURATION_YAML_DOCUMENTS", "100000"))


@cache
def texts(count: int) -> Sequence[str]:
    """Return random documents, which the tests share."""
    return [RandomYaml(seed).document() for seed in range(count)]


# --- the fast reader and the careful one ---------------------------------------------------------------


def outcome(text: str) -> tuple[object, ...]:
    """Return the values and notices of a document, or the code and position of its error."""
    try:
        document = parse_article(f"---\n{text}\n---\nbody\n".encode())
    except DocumentError as error:
        return error.code, error.line, error.column
    assert document is not None
    issues = [issue for issue in document.issues if issue.code != "loose_yaml"]
    return *(repr(getattr(document, name)) for name in document.__slots__ if name != "issues"), issues


@few_or_many("count", 300, DOCUMENTS)
def test_both_readers_agree_on_a_document(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = [outcome(text) for text in texts(count)]
    monkeypatch.setattr(strict_yaml, "load", strict_yaml.read_carefully)
    for text, read in zip(texts(count), fast, strict=True):
        assert outcome(text) == read, text
    assert count // 4 < sum(len(read) > 3 for read in fast) < count  # most are read, some are rejected


@pytest.mark.parametrize(
    "form",
    [
        "{}",
        "a: {}",
        "a:\n  {}",
        "a: [{}]",
        "a: {{b: {}}}",
        "a:\n- {}",
        'a: {{"b":{}}}',
        "{}: a",
        "a: {{{}: b}}",
        "? {}",
    ],
)
def test_a_number_is_the_same_in_any_position(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = {text: outcome(text) for text in (form.format(number) + "\n" for number in NUMBERS)}
    monkeypatch.setattr(strict_yaml, "load", strict_yaml.read_carefully)
    assert {text: outcome(text) for text in fast} == fast


# --- readers of other projects --------------------------------------------------------------------------


class _WithoutDates(yaml.CSafeLoader):
    """PyYAML, with dates as text."""


_WithoutDates.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
    for first, pairs in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def pyyaml(text: str) -> Any:
    return yaml.load(text, Loader=_WithoutDates)


def ruamel(text: str) -> Any:
    reader = YAML(typ="safe", pure=True)
    reader.version = (1, 2)
    return reader.load(text)


def attempt(read: Callable[[str], Any], text: str) -> Any:
    """Return what a reader makes of a text, or its error."""
    try:
        with warnings.catch_warnings(action="ignore"):
            return read(text)
    except Exception as error:  # noqa: BLE001 - they may raise anything
        return error


#: Errors here that other readers do not have: keys that are not text, and values that no engine stores.
STRICTER = {
    "bad_key", "duplicate_key", "nul_character", "not_a_mapping", "empty_front_matter", "several_documents",
    "unsupported_tag", "bad_merge", "alias_cycle",
}  # fmt: skip


@few_or_many("count", 300, DOCUMENTS)
def test_a_text_that_means_the_same_in_yaml_1_1_and_1_2_is_read_so(count: int) -> None:
    compared = 0
    for text in texts(count):
        if "\u2028" in text or "\u2029" in text:  # the other two break lines at these, unlike YAML 1.2
            continue
        whole = text if text.endswith("\n") else f"{text}\n"
        one, ours = attempt(pyyaml, whole), attempt(strict_yaml.read_carefully, text)
        if isinstance(one, Exception):
            continue
        if isinstance(ours, DocumentError):
            is_equal = ours.code in STRICTER
        else:
            is_equal = repr(with_lookalikes_as_numbers(ours[0])) == repr(with_lookalikes_as_numbers(one))
            compared += is_equal
        # The reader of YAML 1.2 is slow, and what it says matters only where ours differs from that of 1.1.
        assert is_equal or repr(attempt(ruamel, whole)) != repr(one), (text, ours)
    assert compared > count // 8


def with_lookalikes_as_numbers(value: Any) -> Any:
    """Return a value with texts such as `0_1` and `1._5` as the numbers that the other two readers return."""
    if isinstance(value, dict):
        return {
            with_lookalikes_as_numbers(key): with_lookalikes_as_numbers(inner) for key, inner in value.items()
        }
    if isinstance(value, list):
        return [with_lookalikes_as_numbers(inner) for inner in value]
    if isinstance(value, str) and resolve(value)[1] is not None:
        number = pyyaml(value)
        return number if type(number) is not str and repr(number) == repr(attempt(ruamel, value)) else value
    return value


# --- single cases --------------------------------------------------------------------------------------


def extra(*lines: str) -> tuple[str, list[str]]:
    """Return `extra` of a document with these lines, and the codes of its issues."""
    text = "\n".join(lines)
    document = parse_article(f"---\n{text}\n---\n".encode())
    assert document is not None
    return document.extra, [issue.code for issue in document.issues]


@pytest.mark.parametrize(
    "text",
    ["61e9540", "0e1234", "12e-400", "-1e999", "0e0", "1E+400", "0.0e5", "_1", "_2021", "1._5", "0XAB", "0B1", "0O7",
     "1_", "1__0", "1.5_0", "1e1_0", "0x_1", "0xA_B", "0b1_1", "-_1", "+0XAB", "._5"],
)  # fmt: skip
@pytest.mark.parametrize(
    "form", ["sha: {}", "a: [{}]", "a: {{b: {}}}", "a:\n  - {}", "provider: {{zoom: {}}}"]
)
def test_a_text_that_a_number_would_lose_stays_text(form: str, text: str) -> None:
    kept, codes = extra(form.format(text))
    assert f'"{text}"' in kept
    assert codes == ["number_lookalike"]


@pytest.mark.parametrize(
    "text", ["0.0", "-0.0", "0.", ".0", "1e3", "1_000", "1e308", "5e-324", "0x1F", "0b11"]
)
def test_a_number_stays_a_number(text: str) -> None:
    kept, codes = extra(f"a: {text}")
    read = yaml_rs.loads(kept)
    assert isinstance(read, dict)
    assert type(read["a"]) is not str
    assert codes == []


@pytest.mark.parametrize("text", [".inf", "-.INF", ".nan"])
def test_an_explicit_infinity_cannot_be_stored(text: str) -> None:
    assert extra(f"a: {text}") == ("{}", ["not_finite"])


@pytest.mark.parametrize("field", ["title", "excerpt", "slug"])
def test_a_commit_hash_as_a_title_is_text_not_infinity(field: str) -> None:
    document = parse_article(f"---\n{field}: 61e9540\n---\n".encode())
    assert document is not None
    assert getattr(document, field) == "61e9540"
    assert [issue.code for issue in document.issues] == ["number_lookalike"]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a: |+\n", {"a": ""}),
        ("a: >+\n\n", {"a": "\n"}),
        ("a: |2\n", {"a": ""}),
        ("a: |2\n  b\n  ", {"a": "b\n"}),
        ("a: |\n  b", {"a": "b\n"}),
        ("-: x\n", {"-": "x"}),
        ("a: [-, b]\n", {"a": ["-", "b"]}),
        ("_1: x\n012: y\n", {"_1": "x", "012": "y"}),
        ("a: [?x]\n", {"a": [{"x": None}]}),
        ("a: \"One\ntwo\"\nb: 'c\nd'\n", {"a": "One two", "b": "c d"}),
        ("a: [\none,\ntwo\n]\n", {"a": ["one", "two"]}),
    ],
)
def test_former_differences(text: str, values: dict[str, Any]) -> None:
    assert strict_yaml.load(text)[0] == values == strict_yaml.read_carefully(text)[0]


@pytest.mark.parametrize(
    "text", ["a: {zoom: |}\n", "a: [|-, b]\n", "a: [b:, c]\n", "%FOO x\n---\na: b\n", "&\u2028a: b\n"]
)
def test_both_readers_reject_what_libyaml_rejects(text: str) -> None:
    for read in (strict_yaml.load, strict_yaml.read_carefully):
        with pytest.raises(DocumentError, match=r"."):
            read(text)


def test_a_text_that_a_stricter_parser_rejects_gives_a_notice() -> None:
    document = parse_article(b'---\nheat: 1\ntitle: "One\ntwo"\n---\n')
    assert document is not None
    assert document.title == "One two"
    [issue] = document.issues
    assert (issue.severity, issue.code, issue.line, issue.column) == ("notice", "loose_yaml", 4, 1)


@pytest.mark.parametrize(
    "mark", ["\ufdd0", "\ufdd1", "\ufdd2", "\ue000", "\ufdd0\ufdd1\u2028", "\u2029\ufdd1"]
)
@pytest.mark.parametrize("more", ["", "x: \u2028\n", "x: 012\n"])
def test_no_character_changes(mark: str, more: str) -> None:
    text = f'a: p{mark}q\nb: "{mark}"\n{more}'
    for read in (strict_yaml.load, strict_yaml.read_carefully):
        values, _ = read(text)
        assert (values["a"], values["b"]) == (f"p{mark}q", mark)


def test_a_text_with_every_private_character_is_an_error() -> None:
    points = [*range(0xFDD0, 0xFDF0), *range(0xE000, 0xF900), *range(0xF0000, 0xFFFFE)]
    text = f'a: 012\nb: "\u2028{"".join(map(chr, points))}"\n'
    with pytest.raises(DocumentError) as caught:
        strict_yaml.load(text)
    assert caught.value.code == "control_character"
