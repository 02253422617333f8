"""Charts of reports: as a file (SVG, PNG or a self-contained HTML page) or in the terminal.

Heavy imports are inside functions, because most commands draw nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ChartRefused

if TYPE_CHECKING:
    from .data import ChartData

#: Suffixes that the name of a chart's file can have.
SUFFIXES = (".svg", ".png", ".html")


def check_library() -> None:
    """Check that matplotlib is installed.

    Raises:
        ChartRefused: matplotlib is missing. The message has the command that installs it.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ChartRefused(
            "matplotlib is not installed: run `pip install 'curation[charts]'` (`--chart -` does not need it)"
        ) from error


def render(chart: ChartData, suffix: str) -> tuple[bytes, str]:
    """Return the bytes of a chart's file, and the characters that no installed font has.

    Args:
        suffix: One of `SUFFIXES`. Missing characters are known for `.png` only; else the text is empty.
    """
    from .drawing import draw

    if suffix == ".png":
        return draw(chart, "png")
    if suffix == ".svg":
        return draw(chart, "svg")[0], ""
    from .page import build_page

    svg, _ = draw(chart, "svg", has_heading=False)
    return build_page(chart, svg.decode()).encode(), ""


def print_chart(chart: ChartData) -> None:
    """Draw a chart with characters on standard output, as wide as the terminal."""
    from . import terminal

    terminal.print_chart(chart, sys.stdout)


def suffix_of(target: str) -> str:
    """Return the suffix of a file's name, in lower case."""
    return Path(target).suffix.lower()
