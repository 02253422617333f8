"""Flags edited in place: the document states the new values, and no other line changes."""

from __future__ import annotations

import difflib
import re
from typing import Any

import pytest
import yaml
from hypothesis import example, given, strategies as st

from curation.documents.flag_editing import FlagValue, set_flag_lines
from curation.documents.front_matter import read_front_matter
from curation.documents.parsing import parse_article
from curation.errors import DocumentError, FlagEditError
from curation.flags import FLAGS

from ..support.tricky_documents import tricky_documents

NASTY = dict(tricky_documents())

#: A line of the top mapping that states a flag.
FLAG_LINE = re.compile(r"""\s*(\? )?["']?(quality|heat|published|removed)["']?\s*:""")


def values_of(data: bytes) -> dict[str, Any]:
    reading = read_front_matter(data)
    assert reading is not None
    return reading.values


def wanted_values(data: bytes, flags: dict[str, FlagValue]) -> dict[str, Any]:
    wanted = {**values_of(data), **flags}
    return {key: value for key, value in wanted.items() if key not in flags or value is not None}


def changed_lines(before: bytes, after: bytes) -> list[str]:
    """Return the lines that only one of the two texts has, with their line ends."""
    old, new = (re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", data.decode()) for data in (before, after))
    at = 0
    while at < min(len(old), len(new)) and old[at] == new[at]:
        at += 1
    end = 0
    while end < min(len(old), len(new)) - at and old[-1 - end] == new[-1 - end]:
        end += 1
    difference = difflib.ndiff(old[at : len(old) - end], new[at : len(new) - end])
    return [line[2:] for line in difference if line[0] in "+-"]


def edited(front: str, **flags: FlagValue) -> str:
    after = set_flag_lines(f"---\n{front}---\nbody".encode(), flags).decode()
    assert after.startswith("---\n")
    assert after.endswith("---\nbody")
    return after[4:-8]


@pytest.mark.parametrize(
    ("front", "flags", "after"),
    [
        ("quality: 80\nheat: 84\n", {"quality": 75}, "quality: 75\nheat: 84\n"),
        ("quality: 80 # ann\n", {"quality": 75}, "quality: 75 # ann\n"),
        ("'quality':  80\t\n", {"quality": 75}, "'quality':  75\t\n"),
        ("quality: '80'\n", {"quality": 75}, "quality: 75\n"),
        ("quality:\n", {"quality": 75}, "quality: 75\n"),
        ("quality: # none\n", {"quality": 75}, "quality: 75 # none\n"),
        ("quality: ~\n", {"quality": 75}, "quality: 75\n"),
        ("quality:\n  80\n", {"quality": 75}, "quality:\n  75\n"),
        ("quality: first\n  second\nx: 1\n", {"quality": 75}, "quality: 75\nx: 1\n"),
        ("? quality\n: 80\nx: 1\n", {"quality": 75}, "? quality\n: 75\nx: 1\n"),
        ("? quality\n: 80\nx: 1\n", {"quality": None}, "x: 1\n"),
        ("published: TRUE\n", {"published": False}, "published: FALSE\n"),
        ("published: yes\n", {"published": False}, "published: false\n"),
        ("published: !!bool true\n", {"published": False}, "published: false\n"),
        ("q: &q 3\nquality: *q\n", {"quality": 75}, "q: &q 3\nquality: 75\n"),
        ("x: 1\nquality: &q 80\n", {"quality": 75}, "x: 1\nquality: 75\n"),
        ("quality: 80\npublished: true\n", {"heat": 5}, "quality: 80\nheat: 5\npublished: true\n"),
        ("published: true\nx: 1\n", {"quality": 5}, "quality: 5\npublished: true\nx: 1\n"),
        ("x: 1\nheat: 5\ny: 2\n", {"removed": True}, "x: 1\nheat: 5\nremoved: true\ny: 2\n"),
        ("x: 1\n", {"heat": 5, "quality": 3}, "x: 1\nquality: 3\nheat: 5\n"),
        ("x: |+\n  a\n\n", {"heat": 5}, "x: |+\n  a\n\nheat: 5\n"),
        ('"heat":   5\n', {"quality": 3}, '"quality": 3\n"heat":   5\n'),
        ("heat:\t5\n", {"quality": 3}, "quality:\t3\nheat:\t5\n"),
        ("  x: 1\n  heat: 5\n", {"published": False}, "  x: 1\n  heat: 5\n  published: false\n"),
        ("x: 1\nheat: 5 # hot\ny: 2\n", {"heat": None}, "x: 1\ny: 2\n"),
        ("{x: 1, heat: 5, y: 2}\n", {"heat": None}, "{x: 1, y: 2}\n"),
        ("{x: 1, heat: 5}\n", {"heat": None}, "{x: 1}\n"),
        ("{heat: 5, x: 1}\n", {"quality": 2}, "{quality: 2, heat: 5, x: 1}\n"),
        ("{x: 1, quality: , y: 2}\n", {"quality": 2}, "{x: 1, quality: 2, y: 2}\n"),
        ("b: &b\n  quality: 3\n<<: *b\n", {"quality": 4}, "b: &b\n  quality: 3\n<<: *b\nquality: 4\n"),
        # one reader of YAML reads the text before the edit, the other one after it
        ("quality: 012\nsha: 61e9540\n", {"quality": 5}, "quality: 5\nsha: 61e9540\n"),
        ("quality: &x 1\nsha: [0e1234]\n", {"quality": 5}, "quality: 5\nsha: [0e1234]\n"),
    ],
)
def test_a_flag_is_edited_on_its_own_line(front: str, flags: dict[str, FlagValue], after: str) -> None:
    assert edited(front, **flags) == after


def test_unchanged_values_give_the_same_bytes() -> None:
    data = b"--- \r\nquality: 0x50\r\nheat: 84\r\npublished: true\r\n---\r\n\r\n"
    assert set_flag_lines(data, {"quality": 80, "published": True, "removed": None}) is data


@pytest.mark.parametrize(
    ("front", "flags", "why"),
    [
        ("quality: [80]\n", {"quality": 75}, "is not a single value; edit the file manually"),
        ("x: 1\nquality:\n  a: 80\n", {"quality": 75}, "is not a single value; edit the file manually"),
        ("quality: |\n  80\n", {"quality": 75}, "is not a single value; edit the file manually"),
        ("quality: &q 80\nheat: *q\n", {"quality": 75}, "no anchor"),
        ("a: &q 1\nquality: &q 80\nheat: *q\n", {"quality": 75}, "heat would change too"),
        ("b: &b\n  quality: 3\n<<: *b\n", {"quality": None}, "the meaning of other lines would change"),
        ("x: 1\nquality: !!int # c\n  80\n", {"quality": 75}, "quality contains a comment"),
        ("x: 1\nquality: &q\n # c\n  80\n", {"quality": 75}, "quality contains a comment"),
        ("quality: 3\n", {"quality": None}, "the front matter is empty"),
        ("{}\n", {"heat": 5}, "there is no field to insert heat after"),
        ("? quality\nx: 1\n", {"quality": 4, "heat": 5}, "mapping values are not allowed"),
        ("x: 1\n? quality\n", {"quality": 4}, "quality in line 3 is not a single value"),
        ('{\n "heat",}\n', {"quality": 4, "heat": 5}, "did not find expected"),
        ("heat: 5\n", {"heat": None, "removed": True}, "the front matter is empty"),
    ],
)
def test_an_edit_that_changes_more_than_flags_is_rejected(
    front: str, flags: dict[str, FlagValue], why: str
) -> None:
    with pytest.raises(FlagEditError, match=re.escape(why)):
        edited(front, **flags)


def test_a_file_without_front_matter_is_rejected() -> None:
    with pytest.raises(FlagEditError, match="does not start with a fence"):
        set_flag_lines(b"# A README\n", {"heat": 1})


def test_the_corpus_is_valid_and_large() -> None:
    assert len(NASTY) > 200
    assert all(parse_article(data) is not None for data in NASTY.values())


_EDITS: tuple[dict[str, FlagValue], ...] = (
    {"quality": 75},
    {"heat": -1},
    {"published": False},
    {"removed": True},
    {"quality": 1, "heat": 2, "published": True, "removed": False},
    {"heat": None},
)
#: Edits that are rightly rejected: of a value that an anchor connects with another, and of a merged one.
_REJECTED = {"tied_flags": {0, 4}, "merged": {0}}


@pytest.mark.parametrize("name", NASTY)
def test_only_the_lines_of_flags_change_in_nasty_documents(name: str) -> None:
    data = NASTY[name]
    is_flow = name.startswith(("flow_top", "json", "emoji_flow"))
    for number, flags in enumerate(_EDITS):
        try:
            after = set_flag_lines(data, flags)
        except FlagEditError:
            assert number in _REJECTED.get(name.split("-")[0], ()), (name, flags)
            continue
        assert repr(values_of(after)) == repr(sorted_like(wanted_values(data, flags), values_of(after)))
        lines = changed_lines(data, after)
        assert len(lines) <= 2 * len(flags) + 2 * ("below" in name), (name, lines)
        assert is_flow or "below" in name or all(FLAG_LINE.match(line) for line in lines), (name, lines)


def sorted_like(values: dict[str, Any], order: dict[str, Any]) -> dict[str, Any]:
    assert values.keys() == order.keys()
    return {key: values[key] for key in order}


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30) | st.sampled_from(
    [
        "quality: 3",
        "a\npublished: true\nb\n",
        "---",
        "# heat: 1",
        "yes",
        "1:30",
        "  x",
        "x\n\n\n",
        "'",
        '"',
        "{",
        "- a",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(TEXTS.filter(bool) | st.sampled_from(FLAGS), inner, max_size=3)
    ),
    max_leaves=6,
)
FLAG_VALUES = st.fixed_dictionaries(
    {},
    optional={
        "quality": st.integers(-(2**63), 2**63 - 1) | st.none(),
        "heat": st.integers(-9, 9) | st.none(),
        "published": st.booleans() | st.none(),
        "removed": st.booleans() | st.none(),
    },
)
KEYS = st.sampled_from(["title", "provider", "topics", "Quality", "heatmap", "ключ", "🌊", "a b", "qualité"])


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """Return random front matter, written in a random style, with a random body."""
    values = draw(st.dictionaries(KEYS, VALUES, min_size=1, max_size=5)) | draw(FLAG_VALUES)
    order = draw(st.permutations(list(values)))
    front = yaml.dump(
        {key: values[key] for key in order},
        sort_keys=False,
        allow_unicode=draw(st.booleans()),
        default_flow_style=draw(st.sampled_from([False, None, True])),
        width=draw(st.sampled_from([20, 80, 10_000])),
        indent=draw(st.sampled_from([2, 4])),
    )
    lines = front.splitlines(keepends=True)
    if draw(st.booleans()) and not front.startswith("{"):
        lines.insert(0, "# quality: 1\n\n")
    text = f"---\n{''.join(lines)}---\n{draw(TEXTS)}"
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    return (b"\xef\xbb\xbf" if draw(st.booleans()) else b"") + text.replace("\n", end).encode()


@given(documents(), FLAG_VALUES)
@example(b"---\nquality: &a 1\nheat: *a\n---\n", {"heat": 2})
def test_random_flags_of_random_documents(data: bytes, flags: dict[str, FlagValue]) -> None:
    try:
        before = values_of(data)
    except DocumentError:  # the dump may have what we reject, such as invalid dates
        return
    wanted = wanted_values(data, flags)
    if not wanted:
        return
    after = set_flag_lines(data, flags)
    assert values_of(after).keys() == wanted.keys()
    assert all(repr(values_of(after)[key]) == repr(wanted[key]) for key in wanted)
    is_flow = data.lstrip(b"\xef\xbb\xbf-\r\n").startswith(b"{")
    lines = changed_lines(data, after)
    changed = [flag for flag in flags if before.get(flag, flags) != flags[flag] or before.get(flag) is None]
    assert len(lines) <= 2 * len(changed) + 2 * is_flow * len(after)
    assert is_flow or all(FLAG_LINE.match(line) for line in lines)
    assert set_flag_lines(after, flags) == after


@given(documents(), st.integers(0, 99), st.integers(100, 199))
def test_resetting_a_flag_restores_the_document(data: bytes, first: int, second: int) -> None:
    try:
        start = set_flag_lines(data, {"quality": first, "published": True})
    except (DocumentError, FlagEditError):
        return
    changed = set_flag_lines(start, {"quality": second, "published": False})
    assert changed != start
    assert set_flag_lines(changed, {"quality": first, "published": True}) == start
