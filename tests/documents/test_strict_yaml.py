"""Strict YAML: each rule of its semantics, each error with its position, and that both readers agree."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from typing import Any

import pytest
import yaml
from hypothesis import given, settings, strategies as st

from curation.documents.plain_scalars import MAX_DIGITS
from curation.documents.strict_yaml import MAX_EXPANSION, MAX_KEYS, load, read_carefully
from curation.documents.suspect_yaml import MAX_DEPTH
from curation.errors import DocumentError

both_readers = pytest.mark.parametrize("reader", [load, read_carefully])


def error_of(text: str, reader: Any = load) -> tuple[str, int | None, int | None]:
    """Return code, line and column of the error of a text."""
    with pytest.raises(DocumentError) as caught:
        reader(text)
    return caught.value.code, caught.value.line, caught.value.column


# --- valid texts ------------------------------------------------------------------------------------


@both_readers
@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True),
        ("True", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("189", 189),
        ("-541945", -541945),
        ("+5", 5),
        ("0.5", 0.5),
        ("1.", 1.0),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("0x1F", 31),
        ("0o17", 15),
        (".inf", math.inf),
        ("-.inf", -math.inf),
        ("99999999999999999999", 99999999999999999999),
        # words that are booleans in YAML 1.1
        ("yes", "yes"),
        ("No", "No"),
        ("on", "on"),
        ("OFF", "OFF"),
        ("y", "y"),
        # look-alikes
        ("012", "012"),
        ("0777", "0777"),
        ("-012", "-012"),
        ("00", "00"),
        ("00.5", "00.5"),
        ("1:30", "1:30"),
        ("1:4", "1:4"),
        # dates, quoted or not
        ("2021-05-28", "2021-05-28"),
        ("2021-05-28T16:00:00Z", "2021-05-28T16:00:00Z"),
        ("2021-05-28 16:00:00", "2021-05-28 16:00:00"),
        ('"2019-11-18"', "2019-11-18"),
        ("2021-02-30", "2021-02-30"),
        # quoted scalars are text
        ('"1"', "1"),
        ("'true'", "true"),
        ('"null"', "null"),
        ("''", ""),
        ("'it''s'", "it's"),
        ('"x\\ty\\u00e9"', "x\tyé"),
        ('"\\e[31m"', "\x1b[31m"),
        # YAML's own tags
        ("!!str 1", "1"),
        ("! 1", "1"),
        ("!!int 3", 3),
        ('!!int "3"', 3),
        ("!!bool true", True),
        ("!!float 1.5", 1.5),
        ("!!null ''", None),
        ("!!seq [1]", [1]),
        ("!!map {b: 1}", {"b": 1}),
        # shapes
        ("[1, a, ]", [1, "a"]),
        ("{b: , c: [d: e]}", {"b": None, "c": [{"d": "e"}]}),
        ("\n- 1\n-\n- b: c", [1, None, {"b": "c"}]),
        ("b\n  c\n\n  d", "b c\nd"),
        ("|\n  b\n  c\n", "b\nc\n"),
        (">-\n  b\n  c\n", "b c"),
        ("b # 012", "b"),
    ],
)
def test_a_value(reader: Any, written: str, value: Any) -> None:
    read = reader(f"a: {written}\n")[0]["a"]
    assert read == value
    assert type(read) is type(value)


@both_readers
def test_nan_is_a_number(reader: Any) -> None:
    assert math.isnan(reader("a: .nan\n")[0]["a"])


@both_readers
@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("'1': a\n'true': b\n", {"1": "a", "true": "b"}),
        ("? a\n: b\n", {"a": "b"}),
        ("%YAML 1.1\n---\na: 1\n", {"a": 1}),
        ("a: 1\n...\n", {"a": 1}),
        ("yes: 1\n2021-05-28: 2\n", {"yes": 1, "2021-05-28": 2}),
        ("a : b\n# note\n\nc: d\n", {"a": "b", "c": "d"}),
    ],
)
def test_a_text(reader: Any, text: str, values: dict[str, Any]) -> None:
    assert reader(text)[0] == values


@both_readers
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("b: &x [1, {c: d}]\na: *x\n", [1, {"c": "d"}]),
        ("b: &x {p: 1, q: 2}\na:\n  <<: *x\n  q: 3\n", {"p": 1, "q": 3}),
        ("b: &x {p: 1, q: 2}\na:\n  q: 3\n  <<: *x\n", {"p": 1, "q": 3}),
        ("b: &x {p: 1}\nc: &y {p: 2, q: 2}\na:\n  <<: [*x, *y]\n", {"p": 1, "q": 2}),
        ("a: {<<: {p: 1}, q: 2}\n", {"p": 1, "q": 2}),
        ('a: {"<<": 3}\n', {"<<": 3}),
        ("a: <<\n", "<<"),
    ],
)
def test_aliases_and_merges(reader: Any, text: str, value: Any) -> None:
    assert reader(text)[0]["a"] == value


@both_readers
@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("Q&A", "Q&A"),
        ("b & c", "b & c"),
        ('"at 09:30"', "at 09:30"),
        ("at 09:30", "at 09:30"),
        ("a **bold** word", "a **bold** word"),
        ('"**bold**"', "**bold**"),
        ("Wow! Really!", "Wow! Really!"),
        ("https://e.example/?a=1&b=2", "https://e.example/?a=1&b=2"),
        ("5 * 3", "5 * 3"),
        ("a << b", "a << b"),
        ("What? Why?", "What? Why?"),
        ("a - - - b", "a - - - b"),
        ("see [1] and {2}", "see [1] and {2}"),
        ("x\t", "x"),
        ("'c:\\0'", "c:\\0"),
        ('"\\\\0"', "\\0"),
        (f'"{"[" * 100}"', "[" * 100),
        (f"x{' ' * 60}y", f"x{' ' * 60}y"),
        ("[a, 012]", ["a", "012"]),
    ],
)
def test_harmless_texts_that_look_suspicious(reader: Any, written: str, value: Any) -> None:
    assert reader(f"a: {written}\nb: 1\n")[0] == {"a": value, "b": 1}


@both_readers
@pytest.mark.parametrize("mark", ["\u2028", "\u2029"])
@pytest.mark.parametrize("form", ["a: x{}y\n", "a: 'x{}y'\n", 'a: "x{}y"\n', "a: |-\n  x{}y\n"])
def test_unicode_line_separators_are_text(reader: Any, mark: str, form: str) -> None:
    assert reader(form.format(mark))[0] == {"a": f"x{mark}y"}


@both_readers
def test_a_surrogate_pair_written_as_escapes_is_rejected(reader: Any) -> None:
    assert error_of('a: "\\ud83d\\ude00"\n', reader) == ("yaml_syntax", 1, 7)


@pytest.mark.parametrize("text", ["a: |\n  x", "a: >\n  x", "a: |+\n  x", "a: x", "a:\n  - |\n    x"])
def test_both_readers_agree_on_a_text_without_a_last_line_end(text: str) -> None:
    assert load(text)[0] == read_carefully(text)[0]


@pytest.mark.parametrize("number", ["1_000", "0b11", "+0x1F", "-0o17", "1__0", "-0", "1,000", "1.0.0"])
def test_both_readers_agree_on_unusual_numbers(number: str) -> None:
    careful = read_carefully(f"a: {number}\n")[0]
    assert repr(load(f"a: {number}\n")[0]) == repr(careful)


# --- marks -------------------------------------------------------------------------------------------


def test_careful_reading_records_every_position() -> None:
    places = read_carefully("a: 1\nb:\n  - c: é\n  - d\n")[1].places
    assert places == {
        (): (1, 1),
        ("a",): (1, 4),
        ("b",): (3, 3),
        ("b", 0): (3, 5),
        ("b", 0, "c"): (3, 8),
        ("b", 1): (4, 5),
    }


def test_careful_reading_records_how_plain_scalars_are_written() -> None:
    marks = read_carefully("a: 1.50\nb: '2'\nc: 012\nd: [00]\n")[1]
    assert marks.plain == {("a",): "1.50", ("c",): "012", ("d", 0): "00"}
    assert [(path, code) for path, (code, _) in marks.lookalikes] == [
        (("c",), "octal_lookalike"), (("d", 0), "octal_lookalike"),
    ]  # fmt: skip


@pytest.mark.parametrize("date", ["0000-01-01", "0021-05-28", "01-02-03"])
def test_a_date_is_not_an_octal_lookalike(date: str) -> None:
    values, marks = read_carefully(f"a: {date}\n")
    assert values == {"a": date}
    assert marks.lookalikes == []


def test_an_ordinary_text_is_read_without_marks() -> None:
    assert load("title: Low water\nheat: -1\n") == ({"title": "Low water", "heat": -1}, None)


@pytest.mark.parametrize(
    "text",
    [
        "a: 012\n",
        "a:\n  012\n",
        "a:\n- 012\n",
        "a:\n  -\n    012\n",
        "a: # why\n  012\n",
        "a: [012]\n",
        "a: {b: 012}\n",
        "a: -012\n",
        "a:  00\n",
        "? a\n: 012\n",
    ],
)
def test_a_leading_zero_is_never_lost(text: str) -> None:
    values, marks = load(text)
    assert re.search(r"'-?0(12|0)'", str(values))
    assert marks is not None
    assert len(marks.lookalikes) == 1


# --- errors -----------------------------------------------------------------------------------------


@both_readers
@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        # errors of the parsers
        ("a: 1\n\tb: 2\n", "yaml_syntax", 2, 1),
        ("a:\n\tb: c\n", "yaml_syntax", 2, 1),
        ("a: 1\nb: 'c\nd: e\n", "yaml_syntax", 2, 4),
        ('a: 1\nb: "c\n', "yaml_syntax", 2, 4),
        ("a: b: c\n", "yaml_syntax", 1, 5),
        ("x: 1\na: @b\n", "yaml_syntax", 2, 4),
        ("a: `b\n", "yaml_syntax", 1, 4),
        ("a: %b\n", "yaml_syntax", 1, 4),
        ("a: **bold**\n", "yaml_syntax", 1, 4),
        ("a: - b\n", "yaml_syntax", 1, 4),
        ("a: {b: 1\n", "yaml_syntax", 1, 4),
        ("a: [1, 2\n", "yaml_syntax", 1, 4),
        ("a: [1,,2]\n", "yaml_syntax", 1, 7),
        ('a: "\\q"\n', "yaml_syntax", 1, 5),
        ('a: "\\ud800"\n', "yaml_syntax", 1, 7),
        ('a: "\\uDC00"\n', "yaml_syntax", 1, 7),
        ("a: !foo b\n", "unsupported_tag", 1, 4),
        ("a: !!python/name:os.system\n", "unsupported_tag", 1, 4),
        ("a: !!python/object/apply:os.system [ls]\n", "unsupported_tag", 1, 4),
        ("a: !!timestamp 2021-01-01\n", "unsupported_tag", 1, 4),
        ("a: !!int x\n", "unsupported_tag", 1, 4),
        ("a: !!bool yes\n", "unsupported_tag", 1, 4),
        ("!foo b: 1\n", "unsupported_tag", 1, 1),
        ("? [a]\n: b\n", "bad_key", 1, 3),
        ("{a: b}: c\n", "bad_key", 1, 1),
        ("a: 1\n2: b\n", "bad_key", 2, 1),
        ("1.5: a\n", "bad_key", 1, 1),
        ("true: a\n", "bad_key", 1, 1),
        ("null: a\n", "bad_key", 1, 1),
        ("~: a\n", "bad_key", 1, 1),
        ("b: &x c\n*x : d\n", "bad_key", 2, 1),
        # texts that libraries accept
        ("a: 1\nb: 2\na: 3\n", "duplicate_key", 3, 1),
        ("a: 1\nb:\n  c: 1\n  'c': 2\n", "duplicate_key", 4, 3),
        ("a: {b: 1, b: 1}\n", "duplicate_key", 1, 11),
        ("- a\n", "not_a_mapping", 1, 1),
        ("[a]\n", "not_a_mapping", 1, 1),
        ("just text\n", "not_a_mapping", 1, 1),
        ("", "empty_front_matter", 1, 1),
        ("# a note\n", "empty_front_matter", 1, 1),
        ("a: !!binary aGk=\n", "unsupported_tag", 1, 4),
        ("a: !!set {b}\n", "unsupported_tag", 1, 4),
        ("a: !!omap [b: 1]\n", "unsupported_tag", 1, 4),
        ("a: &x [*x]\n", "alias_cycle", 1, 8),
        ("a: &x\n  b: *x\n", "alias_cycle", 2, 6),
        ("a: *x\n", "unknown_alias", 1, 4),
        ('a: "\\0"\n', "nul_character", 1, 4),
        ('a: "b\\x00"\n', "nul_character", 1, 4),
        ('a: ["\\u0000"]\n', "nul_character", 1, 5),
        ('a: "\\U00000000"\n', "nul_character", 1, 4),
        ('"\\0": a\n', "nul_character", 1, 1),
        ("a: {<<: 3}\n", "bad_merge", 1, 9),
        ("a: 1\n---\nb: 1\n", "several_documents", 2, 1),
    ],
)
def test_an_error(reader: Any, text: str, code: str, line: int, column: int) -> None:
    assert error_of(text, reader) == (code, line, column)


@pytest.mark.parametrize("key", ["1", "true", "~"])
def test_a_nested_key_must_be_text_too(key: str) -> None:
    assert error_of(f"a:\n  {key}: b\n", read_carefully) == ("bad_key", 2, 3)


def test_nesting_has_a_limit() -> None:
    def nested(depth: int) -> str:
        return f"a: {'[' * (depth - 1)}{']' * (depth - 1)}\n"

    assert load(nested(MAX_DEPTH + 1))[0]["a"]
    assert error_of(nested(MAX_DEPTH + 2)) == ("too_deep", 1, 4 + MAX_DEPTH)


def test_a_mapping_with_too_many_keys() -> None:
    many = "".join(f"k{i}: 1\n" for i in range(MAX_KEYS))
    assert len(load(many)[0]) == MAX_KEYS
    assert error_of(f"{many}more: 1\n") == ("too_many_keys", 1, 1)


def test_billion_laughs() -> None:
    text = "a: &a [lol, lol, lol, lol, lol, lol, lol, lol]\n"
    for name, before in zip("bcdefghi", "abcdefgh", strict=True):
        text += f"{name}: &{name} [{', '.join([f'*{before}'] * 8)}]\n"
    assert error_of(text)[0] == "alias_expansion"


def test_aliases_expand_up_to_the_limit() -> None:
    def text(times: int) -> str:
        return f"a: &a {'x' * 1023}\nb: [{', '.join(['*a'] * times)}]\n"

    assert len(load(text(MAX_EXPANSION // 1024))[0]["b"]) == 64
    assert error_of(text(MAX_EXPANSION // 1024 + 1))[0] == "alias_expansion"


def test_an_integer_with_too_many_digits() -> None:
    assert load(f"a: {'9' * MAX_DIGITS}\n")[0] == {"a": 10**MAX_DIGITS - 1}
    assert error_of(f"a: 1\nb: {'9' * 5000}\n", read_carefully) == ("integer_too_long", 2, 4)


@pytest.mark.parametrize(
    "text",
    [
        "'a: ' + '[' * 30000",
        "'a: ' + '{a: ' * 30000",
        "'[' * 30000",
        "'- ' * 30000",
        "'a:\\n  ' + '- ' * 30000",
        "'-  ' * 30000",
        "'a:\\n' + '-  ' * 30000",
        "'- -  ' * 15000",
        "'-\\t' * 30000",
        "'? ' * 30000",
        "'? ' * 30000 + 'a'",
        "'?  ' * 30000",
        "'?\\n' * 30000",
        "'? - ' * 30000",
        "': ' * 30000",
        "':  ' * 30000",
        "': - ' * 30000",
        "'- : ' * 30000",
        "'a: ' * 30000",
        "'- a: ' * 30000",
        "'\"a\": ' * 30000",
        "'- !!seq ' * 30000",
        "'- &a ' * 30000",
        "''.join(' ' * i + 'a:\\n' for i in range(1000))",
        "''.join(' ' * i + '-\\n' for i in range(1000))",
    ],
)
def test_the_process_survives(text: str) -> None:
    # In a separate process: a stack overflow of a parser kills the process, and would kill pytest.
    program = (
        "from curation.errors import DocumentError\n"
        "from curation.documents.strict_yaml import load\n"
        f"try: load({text})\n"
        "except DocumentError as error: print('rejected')\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "rejected\n")


# --- both readers agree ------------------------------------------------------------------------------

#: All characters except controls, surrogates and the two that replace line separators.
characters = st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufdd0\ufdd1")
words = st.sampled_from(
    [
        "yes",
        "no",
        "true",
        "Null",
        "~",
        "-",
        "--",
        "---",
        ".",
        "..",
        "0x1",
        "0o7",
        "1e3",
        "012",
        "1:30",
        ".5",
        "+1",
        "1_0",
        "Q&A",
        "**b**",
        "a:b",
        "a,b",
        "[b]",
        "{b}",
        "#",
        "&",
        "*",
        "!",
        "|",
        ">",
        "%",
        "@",
        "`",
        "?",
        ":",
        "2021-05-28",
        "2021-05-28T16:00:00Z",
        "<<",
        "\u2028",
        "\u2029",
        "é",
        "😀",
        "\u202e",
        "\ufeff",
        "it's",
        '"q"',
    ]
)
texts = st.one_of(
    words,
    st.lists(words, max_size=5).map(" ".join),
    st.text(characters, max_size=40),
    st.text(st.sampled_from("ab é:#-?&*![]{},'\"\n\\%@`|>"), max_size=20),
)
scalars = st.one_of(texts, st.integers(-(2**63), 2**63 - 1), st.booleans(), st.none())
keys = st.text(characters, max_size=12).map("k{}".format)  # PyYAML writes `0E0` without quotes
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=15,
)
front_matters = st.dictionaries(keys, values, min_size=1, max_size=8)


@settings(max_examples=200)
@given(front_matters)
def test_both_readers_read_what_pyyaml_writes(values: dict[str, Any]) -> None:
    text = yaml.safe_dump(values, allow_unicode=True, sort_keys=False)
    assert load(text)[0] == read_carefully(text)[0]  # not `values`: PyYAML writes "0o7" without quotes


@settings(max_examples=200)
@given(front_matters)
def test_both_readers_read_block_style(values: dict[str, Any]) -> None:
    text = rendered(values)
    read = load(text)[0]
    assert read == read_carefully(text)[0]
    assert read == values


_PLAIN = re.compile(r"[A-Za-z][A-Za-z' ]*[a-z]")
_WORDS = {"true", "false", "null"}


def rendered(value: Any, indent: int = 0) -> str:
    """Return block-style YAML: plain words, literal blocks, and JSON for all else."""
    if isinstance(value, dict) and value:
        return "".join(
            f"\n{' ' * indent}{json.dumps(k, ensure_ascii=False)}:{_below(v, indent)}"
            for k, v in value.items()
        ).lstrip("\n" if indent == 0 else "") + ("\n" if indent == 0 else "")
    if isinstance(value, list) and value:
        return "".join(f"\n{' ' * indent}-{_below(v, indent)}" for v in value)
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return f" {value}"
    if isinstance(value, str) and re.fullmatch(r"[a-zé:#-]+(\n[a-zé:#-]+)*\n", value):
        return " |" + "".join(f"\n{' ' * indent}{line}" for line in value.splitlines())
    return f" {json.dumps(value, ensure_ascii=False)}"


def _below(value: Any, indent: int) -> str:
    return rendered(value, indent + 2)
