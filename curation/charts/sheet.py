"""The sheet that a chart is drawn on: its style, its fonts, the width of texts, and the bytes of the file.

The same chart gives the same bytes: they have no date, and ids are numbered or salted with a constant.
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

#: Sizes in inches: the sheet, its margins, and the space between them.
WIDTH = 8.0
MARGIN = 0.35
INNER = WIDTH - 2 * MARGIN
#: Pixels per inch of a PNG.
_DPI = 160

INK = "#222222"
GREY = "#6b6b6b"
GRID = "#e4e4e4"

#: Preferred fonts. The first ones have similar widths, so that the layout holds where one is missing.
_FONTS = ["DejaVu Sans", "Verdana", "Noto Sans", "Arial"]
#: Fonts for characters that DejaVu Sans lacks, on Linux, macOS and Windows.
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
def chart_style(file_format: str) -> Iterator[list[str]]:
    """Draw within the context in the style of charts.

    Args:
        file_format: `svg` or `png`.

    Yields:
        A list that has, when the context ends, the characters that no installed font has.
    """
    missing: list[str] = []
    fallbacks = _installed_fallbacks() if file_format == "png" else []
    style: Any = {
        "font.family": ["sans-serif", *fallbacks],
        "font.sans-serif": _FONTS,
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
    log.setLevel(logging.ERROR)  # it warns of missing fonts and cache folders, which is of no use to the user
    try:
        with rc_context(style), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield missing
        matches = (_MISSING.match(str(warning.message)) for warning in caught)
        missing += dict.fromkeys(chr(int(match[1])) for match in matches if match)
    finally:
        log.setLevel(level)


@cache
def _installed_fallbacks() -> list[str]:
    installed = set(font_manager.get_font_names())
    return [name for name in _FALLBACKS if name in installed]


@cache
def _renderer() -> RendererAgg:
    return RendererAgg(1, 1, 72)


def measure_text(text: str, size: float = 9.5, weight: str = "normal") -> float:
    """Return the width of a text in inches.

    Args:
        size: The font size in points.
    """
    font = font_manager.FontProperties(size=size, weight=weight)
    width, _, _ = _renderer().get_text_width_height_descent(text, font, ismath=False)
    return float(width) / 72


def truncate(text: str, room: float, size: float = 9.5) -> str:
    """Return a text truncated to `room` inches, with … at the end, never within a visible character."""
    cut, cells = text, cell_len(text)
    while (width := measure_text(cut, size)) > room and cells > 1:
        cells = max(min(cells - 1, int(cells * room / width)), 1)
        cut = set_cell_size(text, cells).rstrip() + "…"
    return cut


def wrap(text: str, room: float, size: float = 9.5, weight: str = "normal") -> list[str]:
    """Return the lines of a text, each at most `room` inches wide."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and measure_text(longer, size, weight) <= room:
            lines[-1] = longer
        else:
            lines.append(truncate(word, room, size))
    return lines


def save_figure(figure: Figure, file_format: str, title: str, tooltips: Mapping[str, str]) -> bytes:
    """Return the bytes of a figure's file.

    Args:
        file_format: `svg` or `png`.
        tooltips: For an SVG, the tooltips of shapes by their ids, and the description of the chart under "".
    """
    stream = io.BytesIO()
    if file_format == "png":
        FigureCanvasAgg(figure).print_png(stream, metadata={"Title": title, "Software": "curation"})
        return stream.getvalue()
    FigureCanvasSVG(figure).print_svg(stream, metadata={"Title": title, "Date": None, "Creator": "curation"})
    svg = stream.getvalue().decode()
    with_tooltips = re.sub(
        r'<g id="([a-z]+(?:-\d+)+)">',
        lambda g: g[0] + (f"<title>{escape(tooltips[g[1]])}</title>" if g[1] in tooltips else ""),
        svg,
    )
    described = with_tooltips.replace("</title>", f"</title>\n <desc>{escape(tooltips[''])}</desc>", 1)
    return described.replace("<svg ", '<svg role="img" ', 1).encode()


def make_figure(height: float) -> Figure:
    """Return an empty white figure as wide as the sheet and `height` inches high."""
    return Figure(figsize=(WIDTH, height), dpi=_DPI, facecolor="white")
