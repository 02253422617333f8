"""The flags that a document states, and those that cannot be read: a typing error never publishes."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given, strategies as st

from curation.documents.parsing import Document, parse_article
from curation.flags import FLAGS, Flags, is_about_flag, is_one_edit_apart, normalize_key
from curation.importing.merging.override_rules import compute_effective, replace_unreadable_flags

HIDING = ("published", "removed", "draft")

#: Values that are neither true nor false, as written in the file.
NOT_FLAGS = (
    "flase", "'False '", "fals", "0", "1", "2", "-1", "0.0", "''", "' '", "null", "~", "", "[]", "[false]",
    "{}", "{a: false}", "nope", "non", "nein", "'\u200bfalse'", "'fa\u00adlse'", "'\u00a0false'", "F\u0410LSE",
    "f", "t", "'true,'", "truee", "2024-01-01", ".nan", "1e400", "99999999999999999999", "|\n  false",
    '"false\\u200b"', "'yes and no'", "on off",
)  # fmt: skip

#: Values that are not 64-bit integers, as written in the file, each with the code of its issue.
NOT_NUMBERS = {
    "hot": "not_a_number", "'5O'": "not_a_number", "true": "not_a_number", "''": "not_a_number",
    "5,0": "not_a_number", "1.5": "not_an_integer", ".nan": "not_finite", "-.inf": "not_finite",
    "1e999": "not_a_number", "9223372036854775808": "integer_out_of_range",
    "-9223372036854775809": "integer_out_of_range", "1e300": "not_an_integer", "[5]": "not_one_value",
    "{a: 5}": "not_one_value", "[]": "not_one_value", "2024-01-01": "not_a_number",
}  # fmt: skip


def article(front: str) -> Document:
    document = parse_article(f"---\ntitle: A\n{front}\n---\nBody.\n".encode())
    assert document is not None
    return document


def errors(document: Document) -> list[tuple[str, str | None]]:
    return [(issue.code, issue.field) for issue in document.issues if issue.severity == "error"]


def shown_as_new(document: Document) -> bool:
    """Return whether the upstream values alone would publish the document as a new article."""
    return (
        compute_effective(replace_unreadable_flags(document.flags, document.unclear, None), {}).published
        and not document.is_draft
    )


@pytest.mark.parametrize("field", HIDING)
@pytest.mark.parametrize("written", NOT_FLAGS)
def test_a_value_that_is_neither_true_nor_false_is_an_error_and_publishes_nothing(
    field: str, written: str
) -> None:
    document = article(f"{field}: {written}")
    assert ("not_a_flag", field) in errors(document)
    assert document.unclear == {"published" if field == "draft" else field}
    assert getattr(document.flags, field, None) is None
    assert not document.is_draft
    assert not shown_as_new(document)


@pytest.mark.parametrize("field", HIDING)
@pytest.mark.parametrize(("written", "value"), [("yes", True), ("No", False), ("ON", True), ("off", False)])
def test_a_word_for_a_flag_is_read_with_a_notice(field: str, written: str, value: bool) -> None:
    document = article(f"{field}: {written}")
    assert (document.unclear, errors(document)) == (frozenset(), [])
    assert [(issue.severity, issue.code) for issue in document.issues] == [("notice", "flag_word")]
    assert (document.is_draft if field == "draft" else getattr(document.flags, field)) is value


@pytest.mark.parametrize("field", ["quality", "heat"])
@pytest.mark.parametrize("written", NOT_NUMBERS)
def test_a_value_that_is_not_a_number_is_an_error_and_hides_nothing(field: str, written: str) -> None:
    document = article(f"{field}: {written}")
    found = [error for error in errors(document) if error[1] == field]
    assert found == [(NOT_NUMBERS[written], field)]
    assert document.unclear == {field}
    assert getattr(document.flags, field) is None
    assert shown_as_new(document)


@pytest.mark.parametrize("written", ["", "null", "~"])
@pytest.mark.parametrize("field", ["quality", "heat"])
def test_a_null_number_is_absent(field: str, written: str) -> None:
    document = article(f"{field}: {written}")
    assert (document.unclear, document.issues, getattr(document.flags, field)) == (frozenset(), (), None)


@pytest.mark.parametrize("front", ["", "published: true", "removed: false", "draft: false"])
def test_a_document_without_flags_or_with_published_is_published(front: str) -> None:
    assert shown_as_new(article(front))


@pytest.mark.parametrize("front", ["published: false", "removed: true", "draft: true", "draft: yes"])
def test_a_document_with_a_hiding_flag_is_not_published(front: str) -> None:
    document = article(front)
    assert (document.unclear, errors(document)) == (frozenset(), [])
    assert not shown_as_new(document)


def test_a_draft_stays_among_the_other_fields() -> None:
    assert json.loads(article("draft: true").extra) == {"draft": True}
    assert json.loads(article("published: flase").extra) == {"published": "flase"}


# --- keys that are similar to the key of a field ----------------------------------------------------------------

#: Spellings of a key that look like it but differ from it.
DISGUISES: dict[str, Callable[[str], str]] = {
    "title case": str.title,
    "upper case": str.upper,
    "a space behind": lambda key: f"'{key} '",
    "a space before": lambda key: f"' {key}'",
    "a space that does not break": lambda key: f'"\\u00a0{key}"',
    "a space of no width": lambda key: f'"{key}\\u200b"',
    "a soft hyphen": lambda key: f'"{key[:3]}\\u00ad{key[3:]}"',
    "a mark of order": lambda key: f'"\\ufeff{key}"',
    "full width": lambda key: "".join(chr(ord(c) + 0xFEE0) for c in key),
    "a tab": lambda key: f'"{key}\\t"',
}


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize(
    ("key", "hides", "shows"),
    [("published", "false", "true"), ("removed", "true", "false"), ("draft", "true", "false")],
)
def test_a_key_that_may_be_meant_to_hide_hides_a_new_article(
    disguise: str, key: str, hides: str, shows: str
) -> None:
    written = DISGUISES[disguise](key)
    field = "published" if key == "draft" else key
    for value in (hides, "maybe", "null"):
        document = article(f"{written}: {value}")
        assert [(issue.severity, issue.code) for issue in document.issues] == [("error", "misspelt_key")]
        assert document.unclear == {field}
        assert not shown_as_new(document)
    document = article(f"{written}: {shows}")
    assert [(issue.severity, issue.code) for issue in document.issues] == [("warning", "misspelt_key")]
    assert document.unclear == frozenset()
    assert shown_as_new(document)


#: Keys with one typing error, with the value that hides.
TYPING_ERRORS = (
    "publised: false", "publishd: no", "publlished: Off", "oublished: false", "pulbished: false",
    "upblished: false", "publishedd: false", "pubblished: false", "publisher: false", "Publised: false",
    "'publi sed': false", '"publis\\u200bed": false', "published_: false", "-published: false",
    "removd: true", "rmoved: yes", "remove: true", "REMOVE: true", "remobed: true", "remvoed: on",
    "removed1: true", "darft: true", "drft: true", "draf: true", "drafts: true", "draft_: yes", "deaft: y",
    "dratf: true", "rdaft: true", "'draft:': true", "dr\u00e0ft: true",
)  # fmt: skip

#: Keys that are other words or have two typing errors, and keys with a value that hides nothing.
OTHER_KEYS = (
    "publisher: The Sun", "publisher: true", "publised: true", "publised: maybe", "publised:", "publised: 0",
    "publish: true", "publish: false", "publishing: false", "ublishd: false", "drafts: [a, b]", "drafts: 3",
    "drafts: false", "drift: sea", "darfts: true", "dra: true", "raftd: true", "removes: false", "remov: true",
    "mover: true", "'': true", "d: true",
)  # fmt: skip


@pytest.mark.parametrize("front", TYPING_ERRORS)
def test_a_typing_error_in_a_key_that_hides_hides_a_new_article(front: str) -> None:
    document = article(front)
    assert [(issue.severity, issue.code) for issue in document.issues] == [("error", "misspelt_key")]
    assert len(document.unclear) == 1
    assert not shown_as_new(document)
    with_flags = article(f"published: true\nremoved: false\ndraft: false\n{front}")
    assert (with_flags.issues, with_flags.unclear, shown_as_new(with_flags)) == ((), frozenset(), True)


@pytest.mark.parametrize("front", OTHER_KEYS)
def test_another_key_or_one_that_hides_nothing_is_not_a_typing_error(front: str) -> None:
    document = article(front)
    assert (document.issues, document.unclear, shown_as_new(document)) == ((), frozenset(), True)


@given(st.sampled_from(HIDING), st.text("adeh -\u00e9", max_size=1), st.integers(0, 9), st.integers(0, 1))
def test_one_edit_is_one_character(word: str, added: str, at: int, removed: int) -> None:
    edited = word[:at] + added + word[at + removed :]
    assert is_one_edit_apart(edited, word) is (edited != word)
    assert is_one_edit_apart(word, edited) is (edited != word)
    swapped = word[:at] + word[at : at + 2][::-1] + word[at + 2 :]
    assert is_one_edit_apart(swapped, word) is (swapped != word)
    assert not is_one_edit_apart(f"{edited}zz", word) or len(edited) < len(word)
    assert not is_one_edit_apart(f"zz{word}", word)


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("key", ["quality", "heat", "title", "publishedDateTime", "webUrl", "topics"])
def test_a_key_similar_to_another_field_gives_a_warning_and_hides_nothing(disguise: str, key: str) -> None:
    document = article(f"{DISGUISES[disguise](key)}: x")
    assert [(issue.severity, issue.code) for issue in document.issues] == [("warning", "misspelt_key")]
    assert (document.unclear, shown_as_new(document)) == (frozenset(), True)


def test_a_misspelt_key_next_to_the_right_one_gives_a_warning() -> None:
    document = article("published: true\nPublished: false")
    assert [(issue.severity, issue.code) for issue in document.issues] == [("warning", "misspelt_key")]
    assert (document.flags.published, document.unclear) == (True, frozenset())


@pytest.mark.parametrize(
    "key", ["publish", "unpublished", "quality_", "heat2", "is_draft", "name", "Ubersicht"]
)
def test_a_key_that_is_another_word_is_not_a_mistake(key: str) -> None:
    assert article(f"{key}: false").issues == ()


@pytest.mark.parametrize(
    ("code", "field", "expected"),
    [
        ("not_a_flag", "published", True),
        ("not_a_flag", "Published\u200b", True),
        ("misspelt_key", "publised", True),
        ("not_one_value", "draft", True),
        ("not_finite", "heat", True),
        ("not_a_flag", "images[0].isCached", False),
        ("not_one_value", "title", False),
        ("yaml_syntax", "published", False),
        ("not_a_flag", None, False),
    ],
)
def test_which_errors_are_about_flags(code: str, field: str | None, expected: bool) -> None:
    assert is_about_flag(code, field) is expected


def test_a_key_is_compared_without_invisible_characters() -> None:
    assert normalize_key("\ufeff Pub\u00adlished\u200b\t") == "published"
    assert normalize_key("publish ed") == "published"
    assert normalize_key("publish-ed") != "published"


# --- random values ----------------------------------------------------------------------------------

TEXTS = st.text("aeflstru01 .\u200b\u00a0", max_size=5)
KEYS = st.text("aeflstr", min_size=1, max_size=5)  # never a number in YAML
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
    | st.sampled_from(["true", "False", "yes", "Off", "flase", "maybe"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=2),
    max_leaves=4,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from([*FLAGS, "draft"]), VALUES))
def test_every_value_is_read_exactly_or_is_an_error(values: dict[str, object]) -> None:
    import yaml

    document = article(yaml.safe_dump(values, allow_unicode=True) if values else "")
    with_error = {field for _, field in errors(document)}
    for flag in FLAGS:
        value, read = values.get(flag), getattr(document.flags, flag)
        if type(value) is (bool if flag in HIDING else int) and -(2**63) <= int(value) < 2**63:
            assert (read, flag in with_error) == (value, False)
        elif read is None and flag in values and not (flag not in HIDING and value is None):
            assert flag in with_error
            assert flag in document.unclear
    if "draft" in values and type(values["draft"]) is not bool and not document.is_draft:
        assert "draft" in with_error or str(values["draft"]).lower() in ("no", "off", "n", "false")
    if any(field in with_error for field in HIDING):
        assert not shown_as_new(document)
    assert isinstance(document.flags, Flags)
