"""Import every kind of broken file. Each is quarantined with an issue and its position, and the others imported."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

GOOD = b"---\ntitle: good\nheat: 1\n---\nBody.\n"


def front(text: str) -> bytes:
    return f"---\ntitle: x\n{text}\n---\n".encode()


#: 179 bytes that expand to some 160 KB in four levels.
SMALL_BOMB = (
    b"---\na: &a " + b"x" * 24 + b"\n"
    + b"".join(b"%c: &%c [%s]\n" % (b, b, b",".join([b"*%c" % a] * 9)) for a, b in zip(b"abcd", b"bcde", strict=True))
    + b"---\n"
)  # fmt: skip

#: For each kind the file, the code, the line and the column (None if the issue is about the whole file).
KINDS: dict[str, tuple[bytes, str, int | None, int | None]] = {
    # A: errors that parsers report
    "tab_indentation": (front("a:\n\tb: 1"), "yaml_syntax", 4, 1),
    "unclosed_quote": (front('a: "b'), "yaml_syntax", 3, 4),
    "unquoted_colon": (front("a: b: c"), "yaml_syntax", 3, 5),
    "plain_at": (front("a: @b"), "yaml_syntax", 3, 4),
    "plain_backtick": (front("a: `b"), "yaml_syntax", 3, 4),
    "plain_percent": (front("a: %b"), "yaml_syntax", 3, 4),
    "custom_tag": (front("a: !mine b"), "unsupported_tag", 3, 4),
    "python_tag": (front("a: !!python/object:os.system {}"), "unsupported_tag", 3, 4),
    "complex_key": (front("? [a]\n: 1"), "bad_key", 3, 3),
    "number_key": (front("1: a"), "bad_key", 3, 1),
    "null_key": (front("~: a"), "bad_key", 3, 1),
    "flag_key": (front("true: a"), "bad_key", 3, 1),
    "nested_number_key": (front("a:\n  2.5: b"), "bad_key", 4, 3),
    "raw_nul": (front("a: \0"), "control_character", 3, 4),
    "raw_escape": (front("a: \x1b[31m"), "control_character", 3, 4),
    "raw_c1": (front("a: \x9b31m"), "control_character", 3, 4),
    "surrogate_escape": (front('a: "\\ud800"'), "yaml_syntax", 3, 7),
    "month_13": (front("publishedDateTime: 2021-13-45"), "bad_date", 3, 20),
    "february_30": (front("publishedDateTime: 2021-02-30"), "bad_date", 3, 20),
    "offset_99": (front("publishedDateTime: 2021-05-28T16:00:00+99:99"), "bad_date", 3, 20),
    "date_elsewhere": (front("seen: 2021-02-30"), "bad_date", 3, 7),
    "integer_of_5000_digits": (front("heat: " + "9" * 5000), "integer_too_long", 3, 7),
    "overlong_utf8": (b"---\ntitle: \xc0\xaf\n---\n", "not_utf8", 2, 8),
    "latin_1": ("---\ntitle: café\n---\n".encode("latin-1"), "not_utf8", 2, 11),
    "utf_16": ("---\ntitle: x\n---\n".encode("utf-16"), "not_utf8", 1, 1),
    "utf_16_be": ("\ufeff---\ntitle: x\n---\n".encode("utf-16-be"), "not_utf8", 1, 1),
    "utf_16_unmarked": ("---\ntitle: x\n---\n".encode("utf-16-le"), "not_utf8", 1, 1),
    "utf_16_be_unmarked": ("---\ntitle: x\n---\n".encode("utf-16-be"), "not_utf8", 1, 1),
    "utf_32": ("---\ntitle: x\n---\n".encode("utf-32"), "not_utf8", 1, 1),
    "utf_32_be": ("\ufeff---\ntitle: x\n---\n".encode("utf-32-be"), "not_utf8", 1, 1),
    "utf_32_unmarked": ("---\ntitle: x\n---\n".encode("utf-32-le"), "not_utf8", 1, 1),
    "raw_surrogate": (b"---\ntitle: \xed\xa0\x80\n---\n", "not_utf8", 2, 8),
    # B: errors that libraries accept silently
    "duplicate_key": (front("title: y"), "duplicate_key", 3, 1),
    "nested_duplicate_key": (front("a:\n  b: 1\n  b: 2"), "duplicate_key", 5, 3),
    "list_at_top": (b"---\n- a\n---\n", "not_a_mapping", 2, 1),
    "scalar_at_top": (b"---\na\n---\n", "not_a_mapping", 2, 1),
    "no_closing_fence": (b"---\ntitle: x\nBody.\n", "no_closing_fence", 1, 1),
    "toml": (b"+++\ntitle = 'x'\n+++\n", "unsupported_format", 1, 1),
    "json": (b'{\n"title": "x"\n}\n', "unsupported_format", 1, 1),
    "empty_front_matter": (b"---\n---\nBody.\n", "empty_front_matter", 2, 1),
    "binary_tag": (front("a: !!binary aGk="), "unsupported_tag", 3, 4),
    "set_tag": (front("a: !!set {b, c}"), "unsupported_tag", 3, 4),
    "alias_of_itself": (front("a: &x [*x]"), "alias_cycle", 3, 8),
    "billion_laughs": (
        front("a: &a [" + "x" * 99 + "]\n" + "\n".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in ("ab", "bc", "cd", "de"))),
        "alias_expansion", 6, 32,
    ),
    "small_bomb": (SMALL_BOMB, "alias_expansion", 6, 14),
    "too_deep": (front("a: " + "[" * 65 + "]" * 65), "too_deep", 3, 68),
    "30000_levels": (front("a: " + "[" * 30_000), "too_deep", 3, 68),
    "30000_dashes": (front("a:\n " + "- " * 30_000), "too_deep", 4, 130),
    "65_mappings": (front("a: " + "{a: " * 65 + "}" * 65), "too_deep", 3, 260),
    "501_keys": (front("\n".join(f"k{i}: 1" for i in range(501))), "too_many_keys", 2, 1),
    "501_keys_within": (front("a: {" + ", ".join(f"k{i}" for i in range(501)) + "}"), "too_many_keys", 3, 4),
    "nul_in_a_key": (front('"a\\0": b'), "nul_character", 3, 1),
    "nul_in_hexadecimal": (front('a: "\\x00"'), "nul_character", 3, 4),
    "nul_escape": (front('a: "\\0"'), "nul_character", 3, 4),
    "lone_surrogate_pair_half": (front('a: "\\udc00"'), "yaml_syntax", 3, 7),
    "nul_in_the_body": (b"---\ntitle: x\n---\nBo\0dy\n", "control_character", 4, 3),
}  # fmt: skip


def test_each_is_quarantined_with_its_position_and_the_good_files_are_imported(
    curation: Callable[..., Result], tmp_path: Path
) -> None:
    news = tmp_path / "_news"
    news.mkdir()
    for name, (content, _, _, _) in KINDS.items():
        (news / f"{name}.md").write_bytes(content)
        (news / f"good-{name}.md").write_bytes(GOOD)
    result = curation("import", str(tmp_path), "--source", "s")
    assert result.exit_code == 3, result.output
    assert f"{len(KINDS)} added" in result.stdout
    assert f"{len(KINDS)} quarantined" in result.stdout
    issues = json.loads(curation("issues", "--format", "json").stdout)
    found = {i["path"][6:-3]: (i["severity"], i["code"], i["line"], i["column"]) for i in issues}
    assert found == {name: ("error", *place) for name, (_, *place) in KINDS.items()}
    assert all(len(issue["message"]) <= 200 and issue["message"].isprintable() for issue in issues)
    again = curation("import", str(tmp_path), "--source", "s")
    assert (again.exit_code, f"{len(KINDS)} unchanged" in again.stdout) == (3, True)
    assert json.loads(curation("issues", "--format", "json").stdout) == issues
    for name in KINDS:
        (news / f"{name}.md").write_bytes(GOOD)
    repaired = curation("import", str(tmp_path), "--source", "s")
    assert (repaired.exit_code, f"{len(KINDS)} added" in repaired.stdout) == (0, True), repaired.output
    assert json.loads(curation("issues", "--format", "json").stdout) == []
