"""Shell completion that quotes names with spaces and special characters, and continues the typed text.

click's own scripts split names at spaces in bash and cut them at commas in fish. They also replace
`--option=value` as a whole by the value. This module is loaded only when a shell requests completion.
"""

from __future__ import annotations

import os
import re
from typing import Any, ClassVar

from click.shell_completion import (
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
)

_BASH = """\
%(complete_func)s() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
            dir,*) compopt -o dirnames ;;
            file,*) compopt -o default ;;
            plain,*) COMPREPLY+=("${line#plain,}") ;;
        esac
    done < <(env COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_CWORD="${COMP_WORDS[COMP_CWORD]}" \\
        %(complete_var)s=bash_complete "$1")
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""

_FISH = """\
function %(complete_func)s;
    set -l response (env %(complete_var)s=fish_complete COMP_WORDS=(commandline -cp) \\
COMP_CWORD=(commandline -t) %(prog_name)s);

    for completion in $response;
        set -l metadata (string split -m 1 "," $completion);

        if test $metadata[1] = "dir";
            __fish_complete_directories $metadata[2];
        else if test $metadata[1] = "file";
            __fish_complete_path $metadata[2];
        else if test $metadata[1] = "plain";
            echo $metadata[2];
        end;
    end;
end;

complete --no-files --command %(prog_name)s --arguments "(%(complete_func)s)";
"""

#: Characters that must be escaped in bash.
_SPECIAL = re.compile(r"[^\w@%+=:,./-]")

#: Characters that end a word in bash only during completion.
_WORD_BREAKS = frozenset("=:")


class _WholeWord(ShellComplete):
    """Completion of the whole typed word: `--topic=T` becomes `--topic=Tides`."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        items = super().get_completions(args, incomplete)
        name, sign, _ = incomplete.partition("=")
        if not (sign and name.startswith("--")):
            return items
        return [
            CompletionItem(f"{name}={item.value}", item.type, item.help)
            if item.type == "plain" and not item.value.startswith(f"{name}=")
            else item
            for item in items
        ]


class Bash(_WholeWord):
    """Completion in bash. It reads the typed line itself, because bash splits words at `=` and `:`."""

    name: ClassVar[str] = "bash"
    source_template: ClassVar[str] = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        words, self._raw, incomplete, self._quote = split(os.environ["COMP_LINE"])
        cut = os.environ.get("COMP_CWORD", "")
        if set(cut) <= _WORD_BREAKS or not self._raw.endswith(cut):
            cut = ""
        # Bash replaces only the text after the last break. Within quotes there are no breaks.
        before = self._raw[: len(self._raw) - len(cut)] if cut or self._raw[-1:] in _WORD_BREAKS else ""
        self._before = split(before)[2]
        return words[1:], incomplete

    def format_completion(self, item: CompletionItem[Any]) -> str:
        if item.type != "plain":
            return f"{item.type},{item.value}"
        return f"plain,{quote_word(str(item.value).removeprefix(self._before), self._quote)}"


class Zsh(_WholeWord, ZshComplete):
    """Completion in zsh, which quotes by itself."""


class Fish(_WholeWord, FishComplete):
    """Completion in fish, which quotes by itself."""

    source_template: ClassVar[str] = _FISH


for _class in (Bash, Zsh, Fish):
    add_completion_class(_class)


def split(line: str) -> tuple[list[str], str, str, str]:
    """Split a line up to the cursor as a shell does.

    Returns:
        The words before the last one; the last word as it was typed; its value ("" after a space); and the
        quotation mark that is still open in it, or "".
    """
    words: list[str] = []
    at = 0
    while True:
        while at < len(line) and line[at].isspace():
            at += 1
        start = at
        word, quote, at = _read_word(line, start)
        if at == len(line):
            return words, line[start:], word, quote
        words.append(word)


def _read_word(line: str, at: int) -> tuple[str, str, int]:
    """Return the value of the word at an offset, the quotation mark still open in it, and its end."""
    word, quote = "", ""
    while at < len(line) and (quote or not line[at].isspace()):
        sign = line[at]
        if sign == quote:
            quote = ""
        elif not quote and sign in "'\"":
            quote = sign
        elif sign == "\\" and quote != "'" and at + 1 < len(line):
            at += 1
            word += _unescape(line[at], quote)
        else:
            word += sign
        at += 1
    return word, quote, at


def _unescape(sign: str, quote: str) -> str:
    """Return the value of a character after a backslash, which stays before most characters in quotes."""
    return sign if not quote or sign in '"\\$`' else f"\\{sign}"


def quote_word(text: str, quote: str) -> str:
    """Return a text quoted as one word for bash: unquoted, or after an open quotation mark."""
    if quote == "'":
        return text.replace("'", "'\\''")
    if quote:
        return re.sub(r'["\\$`]', r"\\\g<0>", text)
    return _SPECIAL.sub(r"\\\g<0>", text)
