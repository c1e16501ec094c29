"""A report as PDF: a title, a chart of bars, a table of orders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from fpdf import FPDF, FontFace, XPos, YPos

from .files import write_whole
from .orders import Order

LEFT, CHART_WIDTH, CHART_HEIGHT = 20.0, 170.0, 70.0
BLUE, GREY = (37, 99, 235), (110, 110, 110)
COLUMNS = ("Day", "Order", "Product", "Pieces", "Price")

#: Called with how many are drawn.
OnDrawn = Callable[[int], object]


class ReportPDF(FPDF):
    """Numbers its pages by itself. Lengths are in mm."""

    def __init__(self, title: str, subtitle: str) -> None:
        super().__init__()
        self.set_margins(LEFT, 20, LEFT)
        self.set_auto_page_break(True, margin=20)
        self.set_title(title)
        self.add_page()
        self._write_line(title, size=20, style="B")
        self._write_line(subtitle, size=11, colour=GREY)

    def footer(self) -> None:
        self.set_y(-15)
        self._write_line(f"Page {self.page_no()}", size=9, colour=GREY)

    def add_chart(self, bars: Sequence[tuple[str, int]], on_drawn: OnDrawn) -> None:
        """A bar for each (name, cents)."""
        top = self.get_y() + 8
        bottom = top + CHART_HEIGHT
        highest = max((cents for _, cents in bars), default=0) or 1
        self._draw_grid(top, highest)
        pace = CHART_WIDTH / max(1, len(bars))
        for number, (name, cents) in enumerate(bars, start=1):
            x, height = LEFT + (number - 1) * pace, CHART_HEIGHT * cents / highest
            self.set_fill_color(*BLUE)
            self.rect(x + pace * 0.15, bottom - height, pace * 0.7, height, style="F")
            self._label(x, bottom + 1, pace, name)
            on_drawn(number)
        self.set_y(bottom + 14)

    def add_table(self, orders: Iterable[Order], on_drawn: OnDrawn) -> None:
        """A row for each order, over as many pages as it takes, with the head repeated."""
        self.set_font("Helvetica", size=9)
        self.set_text_color(0)
        head = FontFace(emphasis="BOLD", color=255, fill_color=BLUE)
        widths, alignment = (26, 20, 62, 22, 40), ("LEFT", "RIGHT", "LEFT", "RIGHT", "RIGHT")
        with self.table(headings_style=head, col_widths=widths, text_align=alignment, line_height=6) as table:
            table.row(COLUMNS)
            for number, order in enumerate(orders, start=1):
                table.row(
                    (order.day.isoformat(), str(order.number), order.product, str(order.quantity), euros(order.cents))
                )
                on_drawn(number)

    def _draw_grid(self, top: float, highest: int) -> None:
        self.set_draw_color(220)
        for quarter in range(5):
            y = top + CHART_HEIGHT * quarter / 4
            self.line(LEFT, y, LEFT + CHART_WIDTH, y)
            self._label(LEFT + CHART_WIDTH - 30, y - 4, 30, euros(highest * (4 - quarter) // 4), align="R")

    def _label(self, x: float, y: float, width: float, text: str, align: str = "C") -> None:
        self.set_font("Helvetica", size=7)
        self.set_text_color(*GREY)
        self.set_xy(x, y)
        self.cell(width, 4, text, align=align)

    def _write_line(self, text: str, *, size: float, style: str = "", colour: tuple[int, int, int] = (0, 0, 0)) -> None:
        self.set_font("Helvetica", style=style, size=size)
        self.set_text_color(*colour)
        self.cell(0, size * 0.5, text, new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def write_pdf(report: ReportPDF, path: Path) -> Path:
    content = report.output()
    return write_whole(path, lambda file: file.write(content))


def euros(cents: int) -> str:
    return f"{cents / 100:,.2f} EUR"
