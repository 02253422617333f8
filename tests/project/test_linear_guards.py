"""Limits that keep the time linear: inputs that are refused or read in another way."""

from __future__ import annotations

import pytest

from curation.articles.searching import MAX_PHRASE_WORDS, parse_query
from curation.documents.parsing import parse_article
from curation.documents.strict_yaml import MAX_KEYS, MAX_TAG_DIRECTIVES, load
from curation.errors import DocumentError, SelectionError
from curation.urls import canonicalize_url


def error_code(text: str) -> str:
    with pytest.raises(DocumentError) as error:
        load(text)
    return error.value.code


def test_merged_mappings_have_as_many_keys_as_others() -> None:
    merged = ", ".join(f"{{k{i}: {i}}}" for i in range(MAX_KEYS + 1))
    assert error_code(f"a:\n  <<: [{merged}]\n") == "too_many_keys"
    values, _ = load("a:\n  c: 0\n  <<: [{b: 1, c: 1}, {b: 2, d: 2}]\n")
    assert list(values["a"].items()) == [("b", 1), ("d", 2), ("c", 0)]


def test_directives_are_limited() -> None:
    lines = [f"%TAG !a{i}! x\n" for i in range(MAX_TAG_DIRECTIVES + 1)]
    assert error_code("".join(lines) + "--- \na: b\n") == "yaml_syntax"
    assert load("".join(lines[1:]) + "--- \na: b\n")[0] == {"a": "b"}


@pytest.mark.parametrize("between", ["", "\n", "# c\n", "  \n # c\n\n"])
def test_a_zero_below_comments_is_text(between: str) -> None:
    values, _ = load(f"a: # b\n{between}  07\n")
    assert values == {"a": "07"}


def test_a_year_of_thousands_of_digits_is_out_of_range() -> None:
    document = parse_article(f"---\npublishedDateTime: {'1' * 5000}-01-01\n---\n".encode())
    assert document is not None
    assert [issue.code for issue in document.issues] == ["year_out_of_range"]


def test_a_query_has_a_limit() -> None:
    assert parse_query('"' + "a " * MAX_PHRASE_WORDS + '"')
    with pytest.raises(SelectionError, match="101 words in phrases"):
        parse_query('"' + "a " * (MAX_PHRASE_WORDS + 1) + '"')
    assert len(parse_query(" ".join(f"w{i}" for i in range(5_000)))) == 5_000


def test_a_host_of_thousands_of_letters_is_invalid() -> None:
    assert canonicalize_url(f"https://{'é' * 1_001}.example/") is None
    assert canonicalize_url("https://é.example/a?b#c") == "https://xn--9ca.example/a?b"
