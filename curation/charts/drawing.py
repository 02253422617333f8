"""A chart as SVG or PNG: the heading, the legend, the panels below each other, and the notes."""

from __future__ import annotations

from dataclasses import dataclass, field

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from ..wording import counted
from . import bars, lines
from .data import ChartData
from .shapes import DASHES, choose_column_colours
from .sheet import (
    GREY,
    INK,
    INNER,
    MARGIN,
    WIDTH,
    chart_style,
    make_figure,
    measure_text,
    save_figure,
    truncate,
    wrap,
)

#: Inches: the height of a line of text, and the length of a line in the legend.
_LINE = 0.2
_SWATCH = 0.34


@dataclass(slots=True)
class _Text:
    """A line of text and its position, in inches from the left and the top of the sheet."""

    left: float
    top: float
    text: str
    size: float = 9.5
    weight: str = "normal"
    colour: str = INK


@dataclass(slots=True)
class _Sheet:
    """The texts and the legend of a chart, collected before the height of the sheet is known.

    `top` is the position of the next text. A swatch is (left, top, colour), in inches.
    """

    top: float = 0.3
    texts: list[_Text] = field(default_factory=list)
    swatches: list[tuple[float, float, str]] = field(default_factory=list)

    def write(self, text: str, height: float = _LINE, **style: float | str) -> None:
        """Add a line of text, and move down by `height` inches."""
        self.texts.append(_Text(MARGIN, self.top, text, **style))  # type: ignore[arg-type]
        self.top += height


def draw(chart: ChartData, file_format: str, *, has_heading: bool = True) -> tuple[bytes, str]:
    """Return the bytes of a chart's file, and the characters that no installed font has.

    Args:
        file_format: `svg` or `png`.
        has_heading: Whether to draw the title and the purpose.
    """
    with chart_style(file_format) as missing:
        figure, tooltips = _compose(chart, has_heading)
        data = save_figure(figure, file_format, chart.title, tooltips)
    return data, "".join(missing)


def _compose(chart: ChartData, has_heading: bool) -> tuple[Figure, dict[str, str]]:
    """Draw a chart. Return its figure and its tooltips, with the description under ""."""
    sheet = _Sheet()
    if has_heading:
        _add_heading(sheet, chart)
    for line in wrap(chart.context, INNER):
        sheet.write(line)
    sheet.top += 0.08
    _add_legend(sheet, chart)
    plan = lines.plan(chart) if chart.is_timed or chart.kind in ("lines", "steps") else bars.plan(chart)
    panel_boxes = _add_panels(sheet, chart, plan)
    _add_notes(sheet, chart)
    height = sheet.top + 0.2
    figure = make_figure(height)
    _draw_texts(figure, sheet, chart.kind, height)
    tooltips = {"": describe(chart)}
    for number, (top, panel_height) in enumerate(panel_boxes):
        left = MARGIN + plan.left
        bottom = 1 - (top + panel_height) / height
        box = (left / WIDTH, bottom, (WIDTH - MARGIN - left) / WIDTH, panel_height / height)
        tooltips |= plan.draw(figure.add_axes(box), number)
    return figure, tooltips


def _add_heading(sheet: _Sheet, chart: ChartData) -> None:
    for line in wrap(chart.title, INNER, 15, "bold"):
        sheet.write(line, 0.3, size=15, weight="bold")
    for line in wrap(chart.purpose, INNER):
        sheet.write(line, colour=GREY)


def _add_legend(sheet: _Sheet, chart: ChartData) -> None:
    """Add the legend. It is above the panels, where it covers nothing."""
    left = MARGIN
    swatch = _SWATCH + 0.06 if chart.kind in ("lines", "steps") else 0.18
    for name, colour in zip(chart.values, choose_column_colours(chart), strict=True):
        text = truncate(name, INNER - swatch)
        if left > MARGIN and left + swatch + measure_text(text) > WIDTH - MARGIN:
            left, sheet.top = MARGIN, sheet.top + _LINE
        sheet.swatches.append((left, sheet.top, colour))
        sheet.texts.append(_Text(left + swatch, sheet.top, text))
        left += swatch + measure_text(text) + 0.25
    sheet.top += _LINE + 0.12


def _add_panels(
    sheet: _Sheet, chart: ChartData, plan: lines.LinePlan | bars.BarPlan
) -> list[tuple[float, float]]:
    """Add the names of the panels. Return the top and the height of each panel, in inches."""
    boxes = []
    for panel, height in zip(chart.panels, plan.heights, strict=True):
        if panel.name is not None:
            sheet.write(truncate(panel.name, INNER), 0.24, weight="bold")
        boxes.append((sheet.top, height))
        sheet.top += height + plan.axis_height
    return boxes


def _add_notes(sheet: _Sheet, chart: ChartData) -> None:
    if not chart.numbers:
        sheet.write("no rows" if not chart.rows else "no values", 0.5, size=11, colour=GREY)
    for note in chart.notes:
        for line in wrap(note, INNER, 8.5):
            sheet.write(line, 0.18, size=8.5, colour=GREY)


def _draw_texts(figure: Figure, sheet: _Sheet, kind: str, height: float) -> None:
    """Draw the texts and the legend of a sheet that is `height` inches high."""
    for text in sheet.texts:
        figure.text(
            text.left / WIDTH, 1 - (text.top + text.size / 72) / height, text.text,
            size=text.size, weight=text.weight, color=text.colour, ha="left", va="baseline",
        )  # fmt: skip
    for number, (left, top, colour) in enumerate(sheet.swatches):
        corner = (left / WIDTH, 1 - (top + 0.14) / height)
        if kind in ("lines", "steps"):
            ends, middle = [left / WIDTH, (left + _SWATCH) / WIDTH], 1 - (top + 0.08) / height
            figure.add_artist(
                Line2D(ends, [middle] * 2, color=colour, linewidth=1.8, linestyle=DASHES[number])
            )
        else:
            figure.add_artist(Rectangle(corner, 0.12 / WIDTH, 0.12 / height, facecolor=colour))


def describe(chart: ChartData) -> str:
    """Return a description of a chart in words, for people who cannot see it."""
    count = len(chart.marks)
    subject = f"{', '.join(chart.values)} by {chart.axis_name}"
    parts = [chart.purpose, chart.context, f"{subject}: {counted(count, 'row')} shown", *chart.notes]
    return " ".join(f"{part.rstrip('.')}." for part in parts if part)
