"""Pictures of reports: as a file (SVG, PNG, or a page that stands alone) or in the terminal.

Heavy imports are inside functions: most commands draw nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ChartRefused

if TYPE_CHECKING:
    from .data import ChartData

#: What a picture's file may end in.
SUFFIXES = (".svg", ".png", ".html")


def check_library() -> None:
    """Raises PictureRefused, with the command that installs it, where the library that draws files is not."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ChartRefused(
            "no matplotlib to draw with: `pip install 'curation[charts]'` (--chart - needs none)"
        ) from error


def render(chart: ChartData, suffix: str) -> tuple[bytes, str]:
    """The bytes of a picture's file, and the characters that no font here has (for PNG; else none)."""
    from .drawing import draw

    if suffix == ".png":
        return draw(chart, "png")
    if suffix == ".svg":
        return draw(chart, "svg")[0], ""
    from .page import page

    svg, _ = draw(chart, "svg", has_head=False)
    return page(chart, svg.decode()).encode(), ""


def print_chart(chart: ChartData) -> None:
    """Draws with characters on standard output, as wide as the terminal is."""
    from . import terminal

    terminal.print_chart(chart, sys.stdout)


def suffix_of(target: str) -> str:
    """The suffix of a picture's file, in small letters."""
    return Path(target).suffix.lower()
