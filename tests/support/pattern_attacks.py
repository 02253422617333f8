"""Attack regular expressions: a program that reads patterns, and prints for each the first slow text."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator
from itertools import islice
from re import (  # type: ignore[attr-defined]
    _constants as sre,
    _parser as parser,
)
from typing import Any

#: Characters to try with a character class that contains them.
LETTERS = "a0 \t\n-_.:;'\"/#=+*[{,éA1\\<>&~%|`@\r\u0301\u2028\0"


def matching_letters(items: Any) -> str:
    """Return up to three letters that a character class matches."""
    pattern = re.compile(class_text(items))
    return "".join(c for c in LETTERS if pattern.fullmatch(c))[:3] or "a"


CATEGORIES = {
    "DIGIT": r"\d",
    "NOT_DIGIT": r"\D",
    "SPACE": r"\s",
    "NOT_SPACE": r"\S",
    "WORD": r"\w",
    "NOT_WORD": r"\W",
}


def class_text(items: Any) -> str:
    text = ""
    for op, value in items:
        if op is sre.NEGATE:
            text += "^"
        elif op is sre.LITERAL:
            text += f"\\U{value:08x}"
        elif op is sre.RANGE:
            text += f"\\U{value[0]:08x}-\\U{value[1]:08x}"
        elif op is sre.CATEGORY:
            text += CATEGORIES[str(value).removeprefix("CATEGORY_")]
    return f"[{text}]"


def samples(tree: Any) -> list[str]:
    """Return some texts that a part of a pattern matches."""
    found = [""]
    for op, value in tree:
        found = [before + more for before in found for more in pieces(op, value)][:8]
    return found


def pieces(op: Any, value: Any) -> list[str]:
    if op is sre.LITERAL:
        return [chr(value)]
    if op is sre.IN:
        return list(matching_letters(value))
    if op in (sre.ANY, sre.NOT_LITERAL):
        return ["a", " "]
    if op in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
        least, _, inner = value
        return [sample * max(1, min(least, 50)) for sample in samples(inner)]
    return [sample for inner in children(op, value) for sample in samples(inner)][:6] or [""]


def children(op: Any, value: Any) -> list[Any]:
    """Return the parts inside a group, a choice or a repetition."""
    if op is sre.SUBPATTERN:
        return [value[3]]
    if op is sre.BRANCH:
        return list(value[1])
    if op in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
        return [value[2]]
    return [value] if op is sre.ATOMIC_GROUP else []


def repeatable(tree: Any) -> Iterator[str]:
    """Yield texts to repeat: what each repetition matches, alone and with its neighbors."""
    parts = list(tree)
    for i, (op, value) in enumerate(parts):
        if op in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
            yield from samples(value[2])
            yield from samples(parts[i : i + 1] + parts[i + 1 : i + 2])
            yield from samples(parts[max(0, i - 1) : i + 1])
        for inner in children(op, value):
            yield from repeatable(inner)


def attacks(tree: Any, length: int) -> Iterator[str]:
    whole = samples(tree)
    repeated = list(dict.fromkeys(unit for unit in (*repeatable(tree), *whole) if unit))[:40]
    heads = list(
        dict.fromkeys(
            sample[:cut] for sample in ["", *whole[:4]] for cut in (0, 1, len(sample) // 2, len(sample))
        )
    )
    for unit in repeated:
        for head in heads[:8]:
            for end in ("", "\0", "\n!", " x"):
                yield head + unit * (length // len(unit)) + end


def attack(pattern: list[Any], length: int, seconds: float) -> Any:
    """Return the first text that took too long: method, beginning, end, length and seconds."""
    _, text, flags, is_bytes, methods = pattern
    tree = parser.parse(text, flags)
    compiled: re.Pattern[Any] = re.compile(text.encode("latin-1") if is_bytes else text, flags)
    for attack_text in islice(attacks(tree, length), 400):
        subject: Any = attack_text.encode("latin-1", "replace") if is_bytes else attack_text
        for method in methods:
            if (elapsed := least_time(compiled, method, subject, seconds)) > seconds:
                return [method, attack_text[:60], attack_text[-10:], len(attack_text), round(elapsed, 2)]
    return None


def least_time(compiled: re.Pattern[Any], method: str, text: Any, seconds: float) -> float:
    least = float("inf")
    for _ in range(3):
        started = time.process_time()
        if method == "sub":
            compiled.sub(text[:0], text)
        elif method == "finditer":
            for _found in compiled.finditer(text):
                pass
        else:
            getattr(compiled, method)(text)
        least = min(least, time.process_time() - started)
        if least < seconds:
            break
    return least


def main() -> None:
    length, seconds = int(sys.argv[1]), float(sys.argv[2])
    for pattern in json.load(sys.stdin):
        print(json.dumps([pattern[0], attack(pattern, length, seconds)]), flush=True)


if __name__ == "__main__":
    main()
