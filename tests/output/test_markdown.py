"""Markdown: it renders as what was said, whatever was said."""

import io
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from lvspec_cli.output.markdown import MarkdownWriter, as_markdown
from lvspec_cli.output.sanitize import for_terminal, on_one_line
from tests.output.captions import FAILED, made

HOSTILE = [
    "<script>alert(1)</script>",
    "[link](http://x) ![image](http://x) <http://x>",
    "# heading #",
    "- item",
    "+ item",
    "12. item",
    "1) item",
    "***",
    "---",
    "===",
    "```",
    "~~~ ~~gone~~",
    "    code",
    "> quote",
    "| a | b |\n|---|---|\n| c | d |",
    "*a* _b_ **c** `d` $x$",
    "&lt;b&gt; &#60; & \\<",
    "[x]: http://x",
    "<!-- gone -->",
    "line \\\nline  \nline",
]


class _Text(HTMLParser):
    """The text of a page, and the elements in it."""

    def __init__(self, page):
        super().__init__()
        self.text, self.elements = "", []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, *attributes))

    def handle_data(self, data):
        self.text += data


def rendered(text):
    return _Text(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text))


def written(*results):
    stream = io.StringIO()
    writer = MarkdownWriter(stream, several=True, terminal=False)
    for result in results:
        writer.write(result)
    writer.close()
    return stream.getvalue()


def test_a_video_has_a_heading_and_its_caption():
    assert written(made("a.mp4", "A cat.\nIt sleeps."), made("b.mp4", "A dog.")) == (
        "# a.mp4\n\nA cat.\n\nIt sleeps.\n\n# b.mp4\n\nA dog.\n"
    )


def test_segments_are_a_list_with_times_below_the_summary():
    caption = made("a.mp4", (0.0, 2.5, "A cat."), (2.5, 4.0, "A\ndog."), summary="Pets.")
    assert written(caption) == (
        "# a.mp4\n\nPets.\n\n- 00:00:00.000-00:00:02.500: A cat.\n- 00:00:02.500-00:00:04.000: A dog.\n"
    )


def test_a_failure_is_told():
    assert written(FAILED, made("b.mp4", "A dog.")) == (
        "# gone.mp4\n\n**Failed** (not\\_found): there is no file 'gone.mp4'\n\n# b.mp4\n\nA dog.\n"
    )


def assert_renders_as_itself(text):
    said = for_terminal(on_one_line(text)).strip()
    for before, element in (("", "p"), ("# ", "h1"), ("- ", "li")):
        page = rendered(before + as_markdown(text))
        assert page.text.strip() == said
        assert {name for name, *_ in page.elements} <= {element, "ul"}


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_renders_as_itself(text):
    assert_renders_as_itself(text)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("see http://x.org/a", "see http\\://x.org/a"),
        ("HTTPS://www.x.org", "HTTPS\\://www\\.x.org"),
        ("(www.x.org) 12:30", "(www\\.x.org) 12:30"),
        ("ftp://x.org", "ftp\\://x.org"),
    ],
)
def test_a_bare_address_makes_no_link_on_github(text, written):
    assert as_markdown(text) == written
    assert_renders_as_itself(text)


@given(st.lists(st.sampled_from("*_`#-+=.)(!<>&|~[]\\:1 \n\tax'\"") | st.characters(codec="utf-8")).map("".join))
def test_any_text_renders_as_itself(text):
    assert_renders_as_itself(text)


@given(st.lists(st.sampled_from(HOSTILE), min_size=2, max_size=3))
def test_a_file_has_the_elements_that_the_writer_makes_and_no_other(texts):
    page = rendered(written(made(texts[0], *texts, summary="\n".join(texts)), made(texts[1], texts[0]), FAILED))
    assert {name for name, *_ in page.elements} <= {"h1", "p", "ul", "li", "strong"}
    assert [name for name, *_ in page.elements].count("li") == len(texts)
    assert [name for name, *_ in page.elements].count("h1") == 3
