"""Attacks on patterns, run as a program: patterns in, of each the first text that it took too long for."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator
from itertools import islice
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

#: Letters that a class is tried with, where it holds them.
TRIED = "a0 \t\n-_.:;'\"/#=+*[{,éA1\\<>&~%|`@\r\u0301\u2028\0"


def letters(items: Any) -> str:
    """Some letters that a class takes."""
    pattern = re.compile(class_text(items))
    return "".join(c for c in TRIED if pattern.fullmatch(c))[:3] or "a"


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
    """Some texts that a part of a pattern takes."""
    found = [""]
    for op, value in tree:
        found = [before + more for before in found for more in pieces(op, value)][:8]
    return found


def pieces(op: Any, value: Any) -> list[str]:
    if op is sre.LITERAL:
        return [chr(value)]
    if op is sre.IN:
        return list(letters(value))
    if op in (sre.ANY, sre.NOT_LITERAL):
        return ["a", " "]
    if op in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
        least, _, inner = value
        return [sample * max(1, min(least, 50)) for sample in samples(inner)]
    return [sample for inner in inside(op, value) for sample in samples(inner)][:6] or [""]


def inside(op: Any, value: Any) -> list[Any]:
    """The parts within a part: of a group, of a choice, of a repetition."""
    if op is sre.SUBPATTERN:
        return [value[3]]
    if op is sre.BRANCH:
        return list(value[1])
    if op in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
        return [value[2]]
    return [value] if op is sre.ATOMIC_GROUP else []


def units(tree: Any) -> Iterator[str]:
    """What is worth repeating: what each repetition takes, and what it takes with what is around it."""
    parts = list(tree)
    for i, (op, value) in enumerate(parts):
        if op in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
            yield from samples(value[2])
            yield from samples(parts[i : i + 1] + parts[i + 1 : i + 2])
            yield from samples(parts[max(0, i - 1) : i + 1])
        for inner in inside(op, value):
            yield from units(inner)


def attacks(tree: Any, length: int) -> Iterator[str]:
    whole = samples(tree)
    repeated = list(dict.fromkeys(unit for unit in (*units(tree), *whole) if unit))[:40]
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
    """The first text that a pattern took too long for: its head, its length, and the seconds."""
    _, text, flags, is_bytes, methods = pattern
    tree = parser.parse(text, flags)
    compiled: re.Pattern[Any] = re.compile(text.encode("latin-1") if is_bytes else text, flags)
    for said in islice(attacks(tree, length), 400):
        tried: Any = said.encode("latin-1", "replace") if is_bytes else said
        for method in methods:
            if (took := least_time(compiled, method, tried, seconds)) > seconds:
                return [method, said[:60], said[-10:], len(said), round(took, 2)]
    return None


def least_time(compiled: re.Pattern[Any], method: str, text: Any, seconds: float) -> float:
    least = float("inf")
    for _ in range(3):
        began = time.process_time()
        if method == "sub":
            compiled.sub(text[:0], text)
        elif method == "finditer":
            for _found in compiled.finditer(text):
                pass
        else:
            getattr(compiled, method)(text)
        least = min(least, time.process_time() - began)
        if least < seconds:
            break
    return least


def main() -> None:
    length, seconds = int(sys.argv[1]), float(sys.argv[2])
    for pattern in json.load(sys.stdin):
        print(json.dumps([pattern[0], attack(pattern, length, seconds)]), flush=True)


if __name__ == "__main__":
    main()
