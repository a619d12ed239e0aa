"""Pages of the report: what stands in a cell cannot break them, and they need nothing but themselves."""

import re
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from chaosliver.tables.pages import LONG, section, sortable_table, write_page


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
