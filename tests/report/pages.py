"""Pages made from documents, and taken apart again."""

import json
from html.parser import HTMLParser

from lvspec_cli.report import read_documents, render_report
from tests.report import traces

HOSTILE = {
    "script": "</script><script>alert(1)</script>",
    "comment": "<!--<script>",
    "image": "<img src=x onerror=alert(1)>",
    "attribute": "\"onmouseover='alert(1)' x=\"",
    "template": "{{7*7}}{%raw%}</style><style>*{display:none}",
    "entity": "&lt;b&gt;&#0;&amp;",
    "bidi": "evil\u202egnp.mp4\u2066\u2029",
    "controls": "\x00\x1b[31m\x7f\x9b\x0b",
    "surrogate": "half\udcff\ud83d",
    "long": "w" * 3000,
}
VOID = {"meta", "link", "input", "img", "wbr", "path", "rect", "br"}


class Taken(HTMLParser):
    """A page as a list of elements with their attributes, its texts, and its scripts."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.elements, self.texts, self.raw, self.open = [], [], [], []
        self.feed(page)
        self.close()
        assert self.open == [], "an element is not closed"

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        raw = self.open and self.open[-1] in ("script", "style")
        (self.raw if raw else self.texts).append((self.open[-1], data) if raw else data)

    @property
    def shape(self):
        """Every element and the names of its attributes."""
        return [(tag, sorted(attributes)) for tag, attributes in self.elements]

    @property
    def words(self):
        """All that is to be read, white space made even."""
        return " ".join(" ".join(self.texts).replace("\xa0", " ").split())

    def all(self, tag):
        """The attributes of every element of a name."""
        return [attributes for name, attributes in self.elements if name == tag]


def page_of(folder, *files):
    """The page of some files, each a list of JSON objects."""
    paths = []
    for number, objects in enumerate(files):
        path = folder / f"{number}.jsonl"
        path.write_text(traces.json_lines(objects), encoding="utf-8")
        paths.append(str(path))
    return render_report(read_documents(paths))


def with_text(value, text):
    """A JSON value in which every free text is replaced: all but schemas, kinds, numbers and pictures."""
    fixed = ("schema", "type", "verdict", "refusal", "origin", "levels", "thumbnails", "grounding")
    if isinstance(value, dict):
        return {
            key if key in KNOWN else f"{text}{key}": item
            if key in fixed and not isinstance(item, dict)
            else with_text(item, text)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [with_text(item, text) for item in value]
    return text if isinstance(value, str) else value


def _keys(value):
    if isinstance(value, dict):
        yield from value
        for key, item in value.items():
            if key not in ("settings", "video_facts", "video"):
                yield from _keys(item)
    elif isinstance(value, list):
        for item in value:
            yield from _keys(item)


KNOWN = {*_keys(traces.trace()), *_keys(traces.failure()), "width", "height", "duration_s"}


def hostile_lines(text):
    """A trace and some records that say nothing but one text."""
    lines = [*traces.trace(), *traces.trace(video=1, finished=False), traces.failure(), traces.record(question="?")]
    return with_text(json.loads(json.dumps(lines)), text)
