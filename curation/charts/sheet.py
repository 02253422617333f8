"""A sheet to draw on: style, fonts, how wide a text is, and the bytes of what was drawn.

The same picture gives the same bytes: no time is in them, and ids are numbered or salted with a constant.
"""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any
from xml.sax.saxutils import escape

from matplotlib import font_manager, rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from rich.cells import cell_len, set_cell_size

#: Inches.
WIDTH = 8.0
MARGIN = 0.35
INNER = WIDTH - 2 * MARGIN
#: Pixels an inch of a PNG.
_DPI = 160

INK = "#222222"
GREY = "#6b6b6b"
GRID = "#e4e4e4"

#: Fonts of like width first, so that a viewer who lacks one breaks no layout.
_STACK = ["DejaVu Sans", "Verdana", "Noto Sans", "Arial"]
#: Fonts for what DejaVu Sans lacks, on the systems there are.
_FALLBACKS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC", "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei", "Droid Sans Fallback", "PingFang SC", "Hiragino Sans GB", "Hiragino Sans",
    "Apple SD Gothic Neo", "Microsoft YaHei", "Yu Gothic", "Malgun Gothic", "Arial Unicode MS",
    "Noto Sans Arabic", "Noto Sans Hebrew", "Noto Sans Devanagari", "Noto Sans Bengali", "Noto Sans Tamil",
    "Noto Sans Thai", "Nirmala UI", "Leelawadee UI", "Segoe UI Symbol", "Segoe UI Emoji", "Noto Emoji",
    "Symbola",
)  # fmt: skip

_MISSING = re.compile(r"Glyph (\d+) .*missing from")


@contextmanager
def styled(form: str) -> Iterator[list[str]]:
    """Draws in the house's style; gives the characters that no font has, as they are met."""
    missing: list[str] = []
    fallbacks = _found_fallbacks() if form == "png" else []
    style: Any = {
        "font.family": ["sans-serif", *fallbacks],
        "font.sans-serif": _STACK,
        "font.size": 9.5,
        "text.color": INK,
        "text.parse_math": False,
        "axes.edgecolor": GREY,
        "axes.unicode_minus": True,
        "svg.fonttype": "none",
        "svg.hashsalt": "curation",
        "timezone": "UTC",
        "path.simplify": False,
    }
    log = logging.getLogger("matplotlib")
    level = log.level
    log.setLevel(logging.ERROR)  # fonts that are not here, folders for its cache: nothing for the reader
    try:
        with rc_context(style), warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            yield missing
        met = (_MISSING.match(str(warning.message)) for warning in found)
        missing += dict.fromkeys(chr(int(match[1])) for match in met if match)
    finally:
        log.setLevel(level)


@cache
def _found_fallbacks() -> list[str]:
    known = set(font_manager.get_font_names())
    return [name for name in _FALLBACKS if name in known]


@cache
def _pen() -> RendererAgg:
    return RendererAgg(1, 1, 72)


def text_width(text: str, size: float = 9.5, weight: str = "normal") -> float:
    """How wide a text is, in inches."""
    font = font_manager.FontProperties(size=size, weight=weight)
    width, _, _ = _pen().get_text_width_height_descent(text, font, ismath=False)
    return float(width) / 72


def fitted(text: str, room: float, size: float = 9.5) -> str:
    """A text cut to `room` inches, with … for what is cut off; never within a character that people see."""
    cut, cells = text, cell_len(text)
    while (width := text_width(cut, size)) > room and cells > 1:
        cells = max(min(cells - 1, int(cells * room / width)), 1)
        cut = set_cell_size(text, cells).rstrip() + "…"
    return cut


def wrapped(text: str, room: float, size: float = 9.5, weight: str = "normal") -> list[str]:
    """A text in lines of at most `room` inches."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size, weight) <= room:
            lines[-1] = longer
        else:
            lines.append(fitted(word, room, size))
    return lines


def saved(figure: Figure, form: str, title: str, told: Mapping[str, str]) -> bytes:
    """The figure's bytes; in an SVG `told` has a description ("") and a tooltip for the ids of shapes."""
    stream = io.BytesIO()
    if form == "png":
        FigureCanvasAgg(figure).print_png(stream, metadata={"Title": title, "Software": "curation"})
        return stream.getvalue()
    FigureCanvasSVG(figure).print_svg(stream, metadata={"Title": title, "Date": None, "Creator": "curation"})
    svg = stream.getvalue().decode()
    named = re.sub(
        r'<g id="([a-z]+(?:-\d+)+)">',
        lambda g: g[0] + (f"<title>{escape(told[g[1]])}</title>" if g[1] in told else ""),
        svg,
    )
    described = named.replace("</title>", f"</title>\n <desc>{escape(told[''])}</desc>", 1)
    return described.replace("<svg ", '<svg role="img" ', 1).encode()


def new_figure(height: float) -> Figure:
    """An empty white figure of the sheet's width, `height` inches high."""
    return Figure(figsize=(WIDTH, height), dpi=_DPI, facecolor="white")
