"""Random YAML that parsers may read in different ways; most of it is valid."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

NUMBERS = (
    "0", "1", "-1", "+7", "80", "012", "0777", "-012", "08", "09.5", "00", "0_", "0_1", "0x1F", "0XAB", "0x", "0xG",
    "0o17", "0O17", "0b101", "0B1", "0b2", "+0x1F", "-0XAB", "0X1F_", "0x_1", "0xA_B", "0o1_7", "0b1_1", "_0x1",
    "1_000", "1_000.5", "1_2.e3", "_1", "_2021", "1_", "1__0", "-_1", "+_2", "1._5", "._5", "1.5_0", "1e1_0", "1_e5",
    "1e3", "1E3", "1e+3", "1e-3", "1.e5", ".5", "-.5", "5.", "0.0", "-0.0", "0e0", "0e1234", "61e9540", "12e-400",
    "1e308", "1e309", ".inf", "-.Inf", "+.INF", ".nan", ".NaN", "-.nan", "1:30", "190:20:30", "0.1.2", "1,000", "1-2",
    "+", "--1", "0x-1", "\u0663", "\uff11", "1e", "e1", "_", "__", "-.", "..", ".", "9223372036854775808",
)  # fmt: skip
WORDS = (
    "true", "True", "tRUE", "false", "null", "Null", "~", "yes", "No", "y", "a", "b c", "plain text", "x#y", "x #y",
    "a:b", "2021-05-28", "2021-05-28T16:00:00Z", "2021-05-28 16:00:00", "<<", "=", "=cmd", "a!b", "a&b", "a*b",
    "\u00e9", "\u65e5\u672c", "\U0001f30a", "\u2028", "x\u2029y", "\ufdd0", "\ufdd1", "\ufeff", "\u00a0", "''", '""',
    "'it''s'", '"x\\ty"', '"\\u00e9"', '"\\/"', '"a\\\n  b"', "'a\n  b'", '"a\n\n  b"', '"One\ntwo"', "'One\ntwo'",
    "a\n  b", "'true'", '"\\N\\L\\_"', "https://e.org/a_b?c=1&d=2#x", "a_1", "_news", "x_2021_05.jpg", "C:\\x", "# c",
)  # fmt: skip
ODDITIES = (
    "a: b", "?x", "? x", "-x", "- x", ":x", ": x", "%x", "@x", "`x", "|x", ">x", "&x", "*x", "!x", "!!str 1", "!!int 3",
    "!", "&a 1", "*a", "x\ty", "-", "?", ":", "---", "...", "'", '"', "[", "]", "{", "}", ",", "|", "|+", ">-", ">+",
    '"\\ud800"', '"\\0"', '"\\q"', "\\",
)  # fmt: skip
NAMES = ("a", "b", "c", "title", "'q'", '"d"')
KEYS = (
    *NAMES, "a b", "-", "-x", "?x", "_1", "1", "true", "null", "~", "<<", "\u00e9", "a:b", "a#b", "0XAB", "2021-05-28",
    "yes", "-:", "[a]", "{a}", "*a", "&a b", "!!str c", '"\\u0041"', "=", "1_0", "61e9540", ".", "'a b'", "a-", "a?",
    "'a\n  b'", "a\n  b",
)  # fmt: skip
SIGNS = (
    *" \n:-?[]{},#&*!|>'\"%@`\t_.0159eExXbB+~<=\\/a\u00e9\u2028\ufdd0\ufeff\u00a0",
    ": ", "- ", "? ", " #", "\n\n", "\n  ", "\n- ", "\n---", "\n...", "<<: ",
)  # fmt: skip
HEADERS = ("|", ">", "|-", ">-", "|+", ">+", "|2", ">1-", "| # c")


class RandomYaml:
    """A seeded generator of random front matter."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def document(self) -> str:
        """Return a mapping as text; two in ten have characters inserted or removed."""
        text, turn = self._mapping(0, 3), self._random.random()
        if turn < 0.2:
            for _ in range(self._random.randint(1, 2)):
                at = self._random.randrange(len(text) + 1)
                sign = self._choice(SIGNS) if self._random.random() < 0.8 else ""
                text = text[:at] + sign + text[at + self._random.randrange(2) :]
        elif turn < 0.3:
            text = text.rstrip("\n")
        elif turn < 0.35:
            text += self._choice(("...\n", "# end", "\n\n", "   "))
        return text

    def _choice(self, values: Sequence[str]) -> str:
        return self._random.choice(values)

    def _scalar(self) -> str:
        turn = self._random.random()
        return self._choice(NUMBERS if turn < 0.45 else WORDS if turn < 0.94 else ODDITIES)

    def _flow(self, depth: int) -> str:
        turn, count = self._random.random(), self._random.randrange(4)
        if depth <= 0 or turn < 0.5:
            return self._scalar()
        comma = self._choice((", ", ",", " , ", ",\n", ",\n  "))
        if turn < 0.75:
            inner = comma.join(self._flow(depth - 1) for _ in range(count))
            return (
                self._choice(("[", "[", "[ ", "[\n")) + inner + self._choice(("]", "]", " ]", ",]", "\n  ]"))
            )
        colons = (": ", ": ", ":", " : ", " ")
        pairs = (self._choice(KEYS) + self._choice(colons) + self._flow(depth - 1) for _ in range(count))
        return self._choice(("{", "{ ", "{\n  ")) + comma.join(pairs) + self._choice(("}", " }", ",}", "\n}"))

    def _value(self, indent: int, depth: int) -> str:
        """Return what follows a key or the dash of a list item."""
        turn = self._random.random()
        if turn < 0.45:
            return f" {self._scalar()}\n"
        if turn < 0.6:
            return f" {self._flow(depth)}\n"
        if turn < 0.72:
            return self._block_scalar(" " * indent + "  ")
        if depth <= 0:
            return "\n"
        if turn < 0.86:
            return "\n" + self._mapping(indent + self._random.choice((2, 2, 4, 1)), depth - 1)
        return "\n" + self._sequence(indent + self._random.choice((0, 0, 2)), depth - 1)

    def _block_scalar(self, margin: str) -> str:
        lines = (
            self._choice((f"{margin}{self._choice(WORDS)}", "", margin, f"{margin}  more", f"{margin}# x"))
            for _ in range(self._random.randrange(4))
        )
        return f" {self._choice(HEADERS)}\n" + "".join(line.replace("\n", "") + "\n" for line in lines)

    def _mapping(self, indent: int, depth: int) -> str:
        keys, margin, text = KEYS if self._random.random() < 0.25 else NAMES, " " * indent, ""
        for key in self._random.sample(keys, self._random.randint(1, 3)):
            text += f"{margin}{key}:{self._value(indent, depth)}"
            if self._random.random() < 0.08:
                text += self._choice(("# c\n", "\n", f"{margin}# c\n", "  \n"))
        return text

    def _sequence(self, indent: int, depth: int) -> str:
        text = ""
        for _ in range(self._random.randint(1, 3)):
            is_plain = self._random.random() < 0.7
            value = (
                self._value(indent, depth) if is_plain else f" {self._mapping(indent + 2, depth).lstrip(' ')}"
            )
            text += f"{' ' * indent}-{value}"
        return text
