"""Pages for the report: one HTML file each, without links to other files."""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from ..base.files import write_text

STYLE = """
body{font:15px/1.5 sans-serif;margin:1.5em;color:#222}
p,li,h1,h2{max-width:52em}
h1{font-size:1.5em}h2{font-size:1.15em;margin-top:1.6em}
table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums}
th,td{padding:.3em .7em;text-align:left;vertical-align:top;border-bottom:1px solid #ccc;white-space:nowrap}
th{position:sticky;top:0;background:#eee}
th button{all:unset;cursor:pointer;font-weight:bold}
th button:focus-visible{outline:2px solid #0072b2}
th[aria-sort=ascending] button::after{content:" \\25b2"}
th[aria-sort=descending] button::after{content:" \\25bc"}
td small{color:#555}
td.long{white-space:normal;min-width:22em;overflow-wrap:anywhere}
table.text td{white-space:normal}
input{font:inherit;margin:.5em 0}
"""
# Numbers are sorted by value and everything else as text; empty cells stay last.
SORT = """
const table = document.querySelector("table"), body = table.tBodies[0];
const valueOf = (row, column) => row.cells[column].innerText.trim().replace("\\u2212", "-");
function compare(a, b) {
  const [x, y] = [parseFloat(a), parseFloat(b)];
  return isNaN(x) || isNaN(y) ? a.localeCompare(b) : x - y;
}
table.querySelectorAll("th").forEach((head, column) => head.firstChild.addEventListener("click", () => {
  const rises = head.getAttribute("aria-sort") !== "ascending";
  table.querySelectorAll("th").forEach(other => other.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", rises ? "ascending" : "descending");
  const empty = row => ["", "-"].includes(valueOf(row, column));
  body.append(...[...body.rows].sort((a, b) => empty(a) - empty(b)
    || (rises ? 1 : -1) * compare(valueOf(a, column), valueOf(b, column))));
}));
document.querySelector("input").addEventListener("input", event => {
  const words = event.target.value.toLowerCase().split(" ");
  for (const row of body.rows) row.hidden = !words.every(word => row.innerText.toLowerCase().includes(word));
});
"""
LONG = 60

Cell = str | Sequence[str]


def write_page(path: Path, title: str, parts: Iterable[str]) -> None:
    """Write a page of the parts given, which are HTML, below its title."""
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
    body = "\n".join([f"<h1>{escape(title)}</h1>", *parts])
    write_text(path, f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n{body}\n</body></html>\n')


def section(title: str, text: str) -> str:
    """A heading and a paragraph of plain text."""
    return f"<h2>{escape(title)}</h2>\n<p>{escape(text)}</p>"


def sortable_table(heads: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """A table that a click on a heading sorts and a field above it filters. A page can hold one.

    A cell of several lines is sorted by its first.
    """
    if not rows:
        return "<p>There are no rows.</p>"
    shown = "".join(f"<th><button>{escape(head)}</button></th>" for head in heads)
    lines = "\n".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return (
        '<input type="search" placeholder="Rows that hold ..." aria-label="Rows that hold">\n'
        f"<table><thead><tr>{shown}</tr></thead><tbody>\n{lines}\n</tbody></table>\n<script>{SORT}</script>"
    )


def plain_table(heads: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """A table that stays as it is, of which a page can hold several; its cells break their lines."""
    shown = "".join(f"<th>{escape(head)}</th>" for head in heads)
    lines = "\n".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f'<table class="text"><thead><tr>{shown}</tr></thead><tbody>\n{lines}\n</tbody></table>'


def _cell(cell: Cell) -> str:
    if not isinstance(cell, str):
        first, *others = map(escape, cell)
        return f"<td>{first}{''.join(f'<br><small>{other}</small>' for other in others)}</td>"
    return f'<td class="long">{escape(cell)}</td>' if len(cell) > LONG else f"<td>{escape(cell)}</td>"
