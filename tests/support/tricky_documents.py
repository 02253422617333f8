"""Valid documents that a careless edit of a flag's line would damage.

Each text comes in every form that the format allows: LF, CRLF and CR, with and without a byte order mark,
with and without a final line end.
"""

from __future__ import annotations

from collections.abc import Iterator

_FRONTS = {
    "usual": "title: Usual\nquality: 80\nheat: 84\npublished: true\n\ntopics:\n  - Tides\n",
    "literal_block": "title: T\nnotes: |\n  quality: 1\n  published: true\n  heat: 3\nquality: 80\npublished: false\n",
    "folded_block": "notes: >-\n  published: true\n  removed: true\n\n  heat: 9\nheat: 7\n",
    "kept_block": "notes: |+\n  published: true\n\n\nquality: 3\n",
    "indented_block": "notes: |2\n    quality: 1\n  heat: 2\nquality: 80\n",
    "quoted_lines": 'notes: "a\n\n  published: true\n\n  b"\npublished: false\nquality: 5\n',
    "single_quoted_lines": "notes: 'a\n\n  quality: 1\n\n  it''s'\nquality: 5\n",
    "plain_lines": "notes: first\n  second\n  third\nquality: 5\nheat: 6\n",
    "nested": "provider:\n  name: N\n  quality: 1\n  published: true\n  heat: 2\n  removed: true\nquality: 5\n",
    "nested_lists": "related:\n  - title: A\n    quality: 1\n    published: true\n  - title: B\n    quality: 2\nheat: -1\n",
    "nested_last": "quality: 5\nprovider:\n  name: N\n  heat: 2\n",
    "lists_at_the_margin": "topics:\n- Tides\n- 'quality: 3'\nquality: 5\nimages:\n- url: https://a.example/x.png\n  heat: 3\n",
    "comments": "# quality: 1\nquality: 80 # was 70: checked by ann\nheat: 84   # twice  \n# heat: 5\npublished: true # yes: really\n#end\n",
    "comment_like_text": "title: 'a # b'\nquality: 80\nslug: a#b\n",
    "quoted_keys": "\"title\": T\n\"quality\": 80\n'heat': 84\n\"published\": true\n",
    "quoted_neighbour": "'quality': 80\ntitle: T\n",
    "spaced_colons": "title : T\nquality : 80\nheat :  5\npublished   :   true\n",
    "aligned": "title:     T\nquality:   80\nheat:      84\npublished: true\nremoved:   false\n",
    "aligned_some": "title:     T\nquality:   80\nheat:      84\n",
    "tabs_after_values": "title: T\nquality: 80\t\nheat: 84 \t # tab\npublished: true\t\n",
    "tabs_before_values": "title:\tT\nquality:\t80\nheat: \t84\n",
    "trailing_spaces": "title: T   \nquality: 80   \nheat: 84 \n",
    "flow_top": "{title: T, quality: 80, heat: 84, published: true}\n",
    "flow_top_few": "{title: 'a, quality: 3', quality: 80}\n",
    "flow_top_none": "{title: T, topics: [Tides, 'heat: 3']}\n",
    "flow_top_lines": "{\n  title: T,\n  quality: 80,\n  \"heat\": 84,\n  provider: {name: N, quality: 2},\n}\n",
    "json": '{"title": "T", "quality":80, "published":true, "provider": {"name": "N", "heat": 1}}\n',
    "flow_values": "title: T\nprovider: {name: N, quality: 3, heat: 4}\ntopics: [quality, 'heat: 5']\nquality: 80\n",
    "flow_over_lines": "title: T\nprovider: {\n  name: N,\n  published: true\n  }\nquality: 80\n",
    "anchors": "title: &t The title\nname: *t\nquality: 80\nheat: 84\n",
    "anchor_on_a_flag": "title: T\nquality: &q 80\nheat: 84\n",
    "alias_as_a_flag": "title: T\nrating: &q 80\nquality: *q\nheat: *q\n",
    "tied_flags": "title: T\nquality: &q 80\nheat: *q\n",
    "merged": "base: &b\n  quality: 3\n  kind: x\n<<: *b\ntitle: T\nheat: 5\n",
    "tags": "title: !!str T\nquality: !!int 80\nheat: !!int \"84\"\npublished: !!bool true\n",
    "explicit_key": "title: T\nquality: 80\n",
    "absent": "title: T\nprovider:\n  name: N\n",
    "nulls": "title: T\nquality:\nheat: ~\npublished: null\nremoved: # not said\n",
    "words": "title: T\nquality: 80\npublished: yes\nremoved: no\n",
    "capitals": "title: T\nquality: 80\npublished: True\nremoved: FALSE\n",
    "quoted_values": "title: T\nquality: '80'\nheat: \"84\"\npublished: 'true'\n",
    "odd_numbers": "title: T\nquality: 1_000\nheat: 0x1F\n",
    "float": "title: T\nquality: 80.0\nheat: 8.5e1\n",
    "below_zero": "title: T\nquality: -5\nheat: -1\npublished: false\n",
    "great": "title: T\nquality: 9223372036854775807\nheat: -9223372036854775808\n",
    "other_order": "removed: false\npublished: true\nheat: 84\nquality: 80\ntitle: T\n",
    "apart": "published: true\ntitle: T\nheat: 84\ntopics: [Tides]\nquality: 80\n",
    "only_removed": "title: T\nremoved: true\nsecured: \"AAAA;BBBB\"\n",
    "case_of_keys": "title: T\nQuality: 1\nHEAT: 2\nPublished: true\nquality: 80\n",
    "longer_keys": "title: T\nqualityOfLife: 1\nheatmap: 2\nunpublished: true\nquality: 80\n",
    "keys_within_text": "title: 'quality: 1'\nexcerpt: \"heat: 2\\npublished: true\"\nheat: 84\n",
    "emoji": "title: 🌊🗼 é ñ 日本 العربية\n\"ключ\": 1\nquality: 80 # 🌊\nheat: 84\n",
    "emoji_flow": "{title: 🌊, ключ: 日本, quality: 80, heat: 84}\n",
    "separators": "title: \"a\u2028b\u2029c\"\nexcerpt: x\u2028quality=3\nquality: 80\n",
    "marks": "title: \"\u202eabc\u200b\u00a0\ufeff\"\nquality: 80\n",
    "values_below": "title:\n  T\nquality:\n  80\nheat:\n    84\n",
    "indented_top": "  title: T\n  quality: 80\n  topics:\n    - Tides\n",
    "blank_lines": "\n\ntitle: T\n\n\nquality: 80\n\n\nheat: 84\n\n\n",
    "dashes_within": "title: T\nnotes: |\n  ---\n  quality: 1\nquality: 80\n",
    "not_a_number": "title: T\nrating: .nan\nquality: 80\n",
    "long_text": f"title: T\nfeaturedContent: \"{'quality: 1 ' * 2000}\"\nquality: 80\n",
    "many_keys": "".join(f"key{i}: {i}\n" for i in range(400)) + "quality: 80\n",
    "secured": 'title: T\nquality: 80\nheat: 84\npublished: true\n\nsecured: "AAAA;BBBB"\n',
    "dates": "title: T\npublishedDateTime: 2021-05-28T16:00:00Z\nother: 2021-05-28\nquality: 80\n",
}  # fmt: skip

_BODIES = {
    "empty": "",
    "fences": "text\n---\nquality: 1\n---\nmore\n",
    "html": "<p>published: true</p>\n\n\n",
    "great": "quality: 1 🌊\n" * 60_000,
}


def tricky_documents() -> Iterator[tuple[str, bytes]]:
    """Yield the name and the bytes of each document; there are over 200."""
    for name, front in _FRONTS.items():
        for body_name in ("fences", "empty"):
            text = f"---\n{front}---\n{_BODIES[body_name]}"
            yield f"{name}-{body_name}-lf", text.encode()
            if "\u2028" not in text:
                yield f"{name}-{body_name}-crlf", text.replace("\n", "\r\n").encode()
        text = f"---\n{front}---\n{_BODIES['html']}"
        yield f"{name}-html-cr", text.replace("\n", "\r").encode()
        yield f"{name}-html-bom", b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()
        yield f"{name}-html-cut", text.removesuffix("\n\n\n").encode()
        yield f"{name}-closed-cut", f"---\n{front}---".encode()
        yield f"{name}-fence-spaces", f"--- \t\n{front}---  \nbody\n".encode()
        yield f"{name}-mixed-ends", f"---\n{front}---\nbody\r\nmore\r".encode()
    yield "usual-great-lf", f"---\n{_FRONTS['usual']}---\n{_BODIES['great']}".encode()
    yield "usual-great-crlf", f"---\n{_FRONTS['usual']}---\n{_BODIES['great']}".replace("\n", "\r\n").encode()
