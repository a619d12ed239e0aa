"""Pages of the report: what stands in a cell cannot break them, and they need nothing but themselves."""

import re
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from chaosliver.tables.pages import LONG, plain_table, section, sortable_table, write_page


class Cells(HTMLParser):
    """The texts of a table's cells, the lines of a cell joined by |."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.within = False
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.within |= tag == "td"
        if tag == "td":
            self.cells.append("")
        elif tag == "br":
            self.cells[-1] += "|"

    def handle_endtag(self, tag):
        self.within &= tag != "td"

    def handle_data(self, data):
        if self.within:
            self.cells[-1] += data


TEXTS = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=80)


@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_any_text_comes_back_from_its_cell(texts):
    page = sortable_table([*map(str, range(len(texts)))], [texts])
    assert Cells(page).cells == texts


@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_any_text_comes_back_from_a_plain_table_and_nothing_else_is_in_it(texts):
    table = plain_table(["<a>", *map(str, range(1, len(texts)))], [texts, texts])
    assert Cells(table).cells == texts * 2
    assert "<th>&lt;a&gt;</th>" in table
    assert (
        "script" not in re.sub("<td.*?</td>", "", table, flags=re.DOTALL) and "button" not in table.split("<tbody>")[0]
    )


def test_a_cell_of_several_lines_begins_with_the_one_it_is_sorted_by():
    page = sortable_table(["Dice"], [[("0.9 ± 0.1", "[0.8, 1.0]", "<0.9>")]])
    assert Cells(page).cells == ["0.9 ± 0.1|[0.8, 1.0]|<0.9>"]


def test_long_texts_may_be_broken_into_lines_and_short_ones_not():
    page = sortable_table(["note"], [["a" * (LONG + 1)], ["a" * LONG]])
    assert page.count('class="long"') == 1


def test_a_table_without_rows_says_so():
    assert "no rows" in sortable_table([], [])


def test_a_page_asks_for_no_other_file(tmp_path):
    write_page(tmp_path / "page.html", "A & B", [section("<b>", "5 < 6"), sortable_table(["a"], [["1"]])])
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<h1>A &amp; B</h1>" in page and "<h2>&lt;b&gt;</h2>" in page and "5 &lt; 6" in page
    assert not re.search(r"\b(src|href)=|url\(|@import|https?:", page)


def test_a_table_by_hand():
    page = sortable_table(["Dice", "a & b"], [["0.5", ("1", "2", "3")], ["x" * 61, "y"]])
    parts = re.fullmatch(r"(<input .*>)\n(<table>.*</table>)\n<script>(.*)</script>", page, re.DOTALL)
    field, table, script = parts.groups()
    assert field == '<input type="search" placeholder="Rows that hold ..." aria-label="Rows that hold">'
    assert table == (
        "<table><thead><tr><th><button>Dice</button></th><th><button>a &amp; b</button></th></tr></thead><tbody>\n"
        "<tr><td>0.5</td><td>1<br><small>2</small><br><small>3</small></td></tr>\n"
        f'<tr><td class="long">{"x" * 61}</td><td>y</td></tr>\n'
        "</tbody></table>"
    )
    assert script.startswith("\nconst table") and script.endswith("});\n")
    for part in ("parseFloat", 'addEventListener("click"', 'addEventListener("input"', "aria-sort"):
        assert part in script


def test_a_text_longer_than_60_characters_may_be_broken():
    assert 'class="long"' not in sortable_table(["note"], [["a" * 60]])
    assert 'class="long"' in sortable_table(["note"], [["a" * 61]])


def test_a_page_by_hand(tmp_path):
    write_page(tmp_path / "page.html", "A & B", ["<p>one</p>", section("<b>", "5 < 6")])
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    head, style, body = re.fullmatch(r"(.*<style>)(.*)(</style>.*)", page, re.DOTALL).groups()
    assert head == ('<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>A &amp; B</title><style>')
    assert body == (
        "</style></head><body>\n<h1>A &amp; B</h1>\n<p>one</p>\n<h2>&lt;b&gt;</h2>\n<p>5 &lt; 6</p>\n</body></html>\n"
    )
    assert style.startswith("\nbody{") and style.endswith("}\n") and style.count("{") == style.count("}")


def test_a_table_without_rows_is_a_sentence():
    assert sortable_table(["a"], []) == "<p>There are no rows.</p>"
