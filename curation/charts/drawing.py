"""A picture as SVG or PNG: the head, a panel under the other, and at the foot what is not seen."""

from __future__ import annotations

from dataclasses import dataclass, field

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from . import bars, lines
from .data import ChartData
from .shapes import DASHES, colours_of
from .sheet import GREY, INK, INNER, MARGIN, WIDTH, fitted, new_figure, saved, styled, text_width, wrapped

_LINE = 0.2
#: How long a line is in the legend.
_SWATCH = 0.34


@dataclass(slots=True)
class _Text:
    """A line of text and its place, in inches from the left and the top."""

    left: float
    top: float
    text: str
    size: float = 9.5
    weight: str = "normal"
    colour: str = INK


@dataclass(slots=True)
class _Page:
    """What is put on the sheet before its height is known."""

    top: float = 0.3
    texts: list[_Text] = field(default_factory=list)
    swatches: list[tuple[float, float, str]] = field(default_factory=list)

    def write(self, text: str, height: float = _LINE, **style: float | str) -> None:
        self.texts.append(_Text(MARGIN, self.top, text, **style))  # type: ignore[arg-type]
        self.top += height


def draw(chart: ChartData, form: str, *, has_head: bool = True) -> tuple[bytes, str]:
    """The bytes of a picture (form svg or png), with its title and purpose where it has a head, and the
    characters that no font here has."""
    with styled(form) as missing:
        figure, told = _compose(chart, has_head)
        drawn = saved(figure, form, chart.title, told)
    return drawn, "".join(missing)


def _compose(chart: ChartData, has_head: bool) -> tuple[Figure, dict[str, str]]:
    page = _Page()
    if has_head:
        _put_head(page, chart)
    for line in wrapped(chart.context, INNER):
        page.write(line)
    page.top += 0.08
    _put_legend(page, chart)
    places = []
    plan = lines.plan(chart) if chart.is_timed or chart.kind in ("lines", "steps") else bars.plan(chart)
    for panel, height in zip(chart.panels, plan.heights, strict=True):
        if panel.name is not None:
            page.write(fitted(panel.name, INNER), 0.24, weight="bold")
        places.append((page.top, height))
        page.top += height + plan.axis
    if not chart.numbers:
        page.write("no rows" if not chart.rows else "no values", 0.5, size=11, colour=GREY)
    for note in chart.notes:
        for line in wrapped(note, INNER, 8.5):
            page.write(line, 0.18, size=8.5, colour=GREY)
    height = page.top + 0.2
    figure = new_figure(height)
    _set(figure, page, chart.kind, height)
    told = {"": describe(chart)}
    for number, (top, high) in enumerate(places):
        left = MARGIN + plan.left
        box = (left / WIDTH, 1 - (top + high) / height, (WIDTH - MARGIN - left) / WIDTH, high / height)
        told |= plan.draw(figure.add_axes(box), number)
    return figure, told


def _put_head(page: _Page, chart: ChartData) -> None:
    for line in wrapped(chart.title, INNER, 15, "bold"):
        page.write(line, 0.3, size=15, weight="bold")
    for line in wrapped(chart.purpose, INNER):
        page.write(line, colour=GREY)


def _put_legend(page: _Page, chart: ChartData) -> None:
    """What each colour means, over the picture, where it hides nothing."""
    left = MARGIN
    swatch = _SWATCH + 0.06 if chart.kind in ("lines", "steps") else 0.18
    for name, colour in zip(chart.values, colours_of(chart), strict=True):
        text = fitted(name, INNER - swatch)
        if left > MARGIN and left + swatch + text_width(text) > WIDTH - MARGIN:
            left, page.top = MARGIN, page.top + _LINE
        page.swatches.append((left, page.top, colour))
        page.texts.append(_Text(left + swatch, page.top, text))
        left += swatch + text_width(text) + 0.25
    page.top += _LINE + 0.12


def _set(figure: Figure, page: _Page, kind: str, height: float) -> None:
    for one in page.texts:
        figure.text(
            one.left / WIDTH, 1 - (one.top + one.size / 72) / height, one.text,
            size=one.size, weight=one.weight, color=one.colour, ha="left", va="baseline",
        )  # fmt: skip
    for number, (left, top, colour) in enumerate(page.swatches):
        corner = (left / WIDTH, 1 - (top + 0.14) / height)
        if kind in ("lines", "steps"):
            ends, middle = [left / WIDTH, (left + _SWATCH) / WIDTH], 1 - (top + 0.08) / height
            figure.add_artist(
                Line2D(ends, [middle] * 2, color=colour, linewidth=1.8, linestyle=DASHES[number])
            )
        else:
            figure.add_artist(Rectangle(corner, 0.12 / WIDTH, 0.12 / height, facecolor=colour))


def describe(chart: ChartData) -> str:
    """A picture in words, for who does not see it."""
    count = len(chart.marks)
    of_what = f"{', '.join(chart.values)} by {chart.along}"
    parts = [chart.purpose, chart.context, f"{of_what}: {count:,} drawn", *chart.notes]
    return " ".join(f"{part.rstrip('.')}." for part in parts if part)
