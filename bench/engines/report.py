"""The table."""

from __future__ import annotations

from models import BATCHES, NAMES

Table = dict[tuple[str, str, int], "float | str"]  # (row, model, batch): ns per row, or why there is none.
WIDTH = 9
LEFT = 33


def text(rows: list[str], cells: Table, base: str) -> str:
    """ns per row, and below it the same as multiples of the base's."""
    ratios = relative(cells, base)
    compared = [row for row in rows if row != base and any(row == cell[0] for cell in ratios)]
    lines = block("ns per row", rows, cells)
    if compared:
        lines += ["", *block(f"times {base}", compared, ratios)]
    return "\n".join(lines)


def relative(cells: Table, base: str) -> Table:
    result: Table = {}
    for (row, model, batch), value in cells.items():
        to = cells.get((base, model, batch))
        if isinstance(value, float) and isinstance(to, float):
            result[row, model, batch] = f"{value / to:.2f}x"
    return result


def block(title: str, rows: list[str], cells: Table) -> list[str]:
    group = (WIDTH + 1) * len(BATCHES)
    lines = [
        " " * LEFT + "".join(f"| {name + ', batch of':<{group}}" for name in NAMES),
        f"{title:<{LEFT}}" + "".join("| " + "".join(f"{batch:>{WIDTH}} " for batch in BATCHES) for _ in NAMES),
    ]
    lines.append("-" * len(lines[-1]))
    for row in rows:
        groups = [[cells.get((row, name, batch), "-") for batch in BATCHES] for name in NAMES]
        lines.append(f"{row:<{LEFT}}" + "".join("| " + shown(group_cells) for group_cells in groups))
    return [line.rstrip() for line in lines]


def shown(values: list[float | str]) -> str:
    """A model's cells; a reason that holds for all of them stands once."""
    if isinstance(values[0], str) and len(set(values)) == 1 and values[0] != "-":
        return f"{values[0]:^{(WIDTH + 1) * len(values)}}"
    return "".join(f"{v:>{WIDTH}} " if isinstance(v, str) else f"{v:>{WIDTH},.0f} " for v in values)
