"""The page in a real browser: heat maps, the keyboard, a phone, both colour schemes, print, hostile texts."""

import json
import re

import pytest

from tests.report import traces
from tests.report.browser import Browser, find_chromium
from tests.report.pages import HOSTILE, hostile_lines, page_of

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="the program chromium shows the page")

PHONE = {"width": 360, "height": 740}
CHOSEN = "document.querySelector('.token.chosen')?.textContent"
PANEL = "document.querySelector('.panel').innerText"
FOCUSED = "document.activeElement.textContent"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """One browser for all."""
    started = Browser(tmp_path_factory.mktemp("chromium"))
    yield started
    started.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Make a page of lines once; return its path."""
    folder = tmp_path_factory.mktemp("pages")

    def page(name, *files):
        path = folder / f"{name}.html"
        if not path.exists():
            path.write_text(page_of(folder, *files), encoding="utf-8")
        return path

    return page


@pytest.fixture
def traced(made):
    """The page of one traced video."""
    return made("traced", traces.trace())


def several():
    """A trace, an interrupted one, a failure and enough records for the videos to be folded."""
    lines = [*traces.trace(), *traces.trace(video=1, path="films/killed.mp4", finished=False), traces.failure()]
    return [*lines, *(traces.record(path=f"films/{number}.mp4", text=f"Film {number}.") for number in range(3))]


def bare():
    """A trace without thumbnails."""
    return traces.trace(thumbnails=[])


def huge():
    """Names and texts without an end and without a place to break."""
    said = [("m" * 9000, "", "circle", "exact"), (" x" * 3000, "", "", "exact"), ("<|im_end|>", "", "", "exact")]
    return traces.trace(path="n" * 5000, prompt="p" * 5000, decoded=traces.rounds(said))


PAGES = {
    "traced": traces.trace,
    "several": several,
    "bare": bare,
    "huge": huge,
    "record": lambda: [traces.record()],
    "hostile": lambda: hostile_lines(HOSTILE["attribute"] + HOSTILE["script"] + HOSTILE["bidi"]),
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_every_page_fits_a_phone_and_asks_for_nothing(browser, made, name, scheme):
    browser.open(made(name, PAGES[name]()), **PHONE, scheme=scheme)
    browser.ask("document.querySelectorAll('details').forEach(each => each.open = true)")
    first = "document.querySelector('.caption .token')"
    browser.ask(f"{first} && {first}.click()")
    assert browser.ask("document.documentElement.scrollWidth <= innerWidth")
    assert browser.complaints() == []


def test_a_violation_of_the_policy_would_be_noticed(browser, traced):
    browser.open(traced)
    browser.ask("document.body.append(Object.assign(new Image(), {src: 'https://example.invalid/x.png'}))")
    browser.ask("document.body.setAttribute('onclick', 'alert(1)')")
    assert any("Content Security Policy" in json.dumps(each) for each in browser.complaints())


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_are_shown_and_do_nothing(browser, made, name):
    text = HOSTILE[name]
    said = [(text, "", "", "exact"), (text, "x" + text, "circle", "anchor")]
    browser.open(made(f"hostile-{name}", traces.trace(path=text, prompt=text, decoded=traces.rounds(said))))
    for number in range(3):
        browser.ask(f"document.querySelectorAll('.caption .token')[{number}].click()")
    assert browser.ask("[document.scripts.length, document.querySelectorAll('style').length]") == [2, 1]
    assert browser.ask("document.querySelectorAll('.panel img, .asked *:not(div, dt, dd), .caption img').length") == 3
    shown = browser.ask("document.querySelector('.asked dd').textContent")
    assert shown.isprintable() or name == "long"
    assert browser.complaints() == []


def test_the_keys_walk_through_the_tokens_and_the_panel_tells_of_each(browser, traced):
    browser.open(traced, height=1200)
    assert "Point at a token" in browser.ask(PANEL)
    browser.press("Tab")
    assert browser.ask(FOCUSED).startswith("Theme")
    browser.press("Tab")
    assert browser.ask(FOCUSED) == "The"
    assert "The draft said what the target says." in browser.ask(PANEL)
    browser.press("ArrowRight")
    assert browser.ask(CHOSEN) == "footage"
    assert "kept, though the target prefers \u2018video\u2019" in browser.ask(PANEL)
    assert browser.ask("document.getElementById('said').textContent").startswith("A filler")
    browser.press("ArrowRight", "ArrowRight", "ArrowRight")
    panel = " ".join(browser.ask(PANEL).replace("\xa0", " ").split())
    assert panel.startswith("pink rejected round 1 Rejected: it is an anchor: it says something of the video.")
    assert "The draft\u2019s choice \u2018pink\u2019 draft 74 % target 30 %" in panel
    assert "The target\u2019s choice \u2018red\u2019 target 88 %" in panel
    assert (
        "Relevance (table) threshold 0.05 anchor 0.12 Where it looks 41 % of the attention here goes to the video."
        in panel
    )
    browser.press("End")
    assert browser.ask(FOCUSED) == "<|im_end|>"
    browser.press("ArrowRight", "Home", "ArrowLeft")
    assert browser.ask(FOCUSED) == "The"


def test_up_and_down_go_to_the_token_above_and_below(browser, traced):
    browser.open(traced)
    browser.press("Tab", "Tab", "ArrowRight", "ArrowRight")
    place = "(box => [box.left, box.top])(document.activeElement.getBoundingClientRect())"
    left, top = browser.ask(place)
    browser.press("ArrowDown")
    below_left, below_top = browser.ask(place)
    assert below_top > top + 10
    assert abs(below_left - left) < 80
    browser.press("ArrowUp")
    assert abs(browser.ask(place)[1] - top) < 10


def test_one_press_of_tab_enters_the_tokens_and_one_leaves_them(browser, traced):
    browser.open(traced)
    browser.press("Tab", "Tab", "ArrowRight", "ArrowRight", "Tab")
    assert browser.ask("document.activeElement.closest('.caption')") is None
    assert browser.ask("document.querySelectorAll('.caption [tabindex=\"0\"]').length") == 1


def test_a_token_of_one_part_takes_the_place_of_that_of_another(browser, made):
    heads = [traces.head(part=number, parts=2) for number in range(2)]
    browser.open(made("parts", traces.trace(*((head, traces.rounds()) for head in heads))))
    for number in range(2):
        browser.ask(f"document.querySelectorAll('.part')[{number}].querySelector('.token').click()")
    assert browser.ask("[...document.querySelectorAll('.panel')].map(each => each.matches('.chosen'))") == [False, True]


def test_escape_lets_the_token_go(browser, traced):
    browser.open(traced)
    browser.press("Tab", "Tab", "Escape")
    assert browser.ask(CHOSEN) is None
    assert "Point at a token" in browser.ask(PANEL)


def test_rejected_tokens_can_be_put_away_and_the_keys_pass_them_by(browser, traced):
    browser.open(traced, "#token=3")
    browser.ask("document.querySelector('.show-rejected').click()")
    assert browser.ask("document.querySelector('.caption .rejected').getClientRects().length") == 0
    browser.ask("document.querySelector('.token.chosen').focus()")
    browser.press("ArrowRight")
    assert browser.ask(FOCUSED) == "red"


def test_discarded_tokens_come_when_they_are_asked_for(browser, traced):
    browser.open(traced)
    seen = "document.querySelector('.caption .discarded').getClientRects().length"
    assert browser.ask(seen) == 0
    browser.ask("document.querySelector('.show-discarded').click()")
    assert browser.ask(seen) > 0


def test_the_mouse_shows_a_token_while_it_is_over_it(browser, traced):
    browser.open(traced)
    browser.point_at(".caption .loose")
    assert "A filler" in browser.ask(PANEL)
    browser.point_at("h1")
    assert "Point at a token" in browser.ask(PANEL)
    browser.click(".caption .recovered")
    browser.point_at("h1")
    assert "in place of the draft\u2019s \u2018pink\u2019" in browser.ask(PANEL)


def test_a_bar_of_the_chart_leads_to_its_round(browser, traced):
    browser.open(traced)
    browser.click(".bar:nth-of-type(2) .exact")
    assert "round 2" in browser.ask(PANEL)
    assert browser.ask("document.querySelector('.bar.current').dataset.number") == "2"


def brightest(of):
    """Where the hottest cell of a canvas is, and how wide and high it is."""
    return f"""(canvas => {{
      const {{ width, height }} = canvas, {{ data }} = canvas.getContext('2d').getImageData(0, 0, width, height);
      const heat = Array.from({{ length: width * height }}, (_, at) => data[4 * at] + data[4 * at + 1]);
      return [heat.indexOf(Math.max(...heat)), width, height];
    }})({of})"""


def test_a_grounded_token_lays_its_heat_over_the_frames(browser, traced):
    browser.open(traced, "#token=5")
    assert browser.ask("document.querySelectorAll('.frames canvas').length") == traces.FRAMES
    cells = traces.ROWS * traces.COLUMNS
    levels = traces.levels("circle")
    step = max(range(traces.FRAMES // traces.PER_STEP), key=lambda each: sum(levels[each * cells : (each + 1) * cells]))
    hottest = max(range(cells), key=lambda cell: levels[step * cells + cell])
    frame = f"document.querySelectorAll('.frames canvas')[{step * traces.PER_STEP}]"
    assert browser.ask(brightest(frame)) == [hottest, traces.COLUMNS, traces.ROWS]
    ranks = browser.ask(
        "[...document.querySelectorAll('.frames li')].map(each => each.querySelector('.rank')?.textContent ?? '')"
    )
    assert ranks[step * traces.PER_STEP] == ranks[step * traces.PER_STEP + 1] == "1"
    assert sorted(ranks) == ["", "", "1", "1", "2", "2", "3", "3"]
    assert browser.ask("document.querySelectorAll('.panel .best img').length") == 3
    assert "32 %" in browser.ask(PANEL)


def test_the_heat_goes_with_its_token(browser, traced):
    browser.open(traced, "#token=5")
    browser.ask("document.querySelector('.caption .token').click()")
    assert browser.ask("document.querySelectorAll('.frames canvas, .frames .rank').length") == 0


def test_without_thumbnails_the_heat_stands_alone(browser, made):
    browser.open(made("bare", bare()), "#token=5")
    assert browser.ask("document.querySelectorAll('.frames .bare canvas').length") == traces.FRAMES
    assert browser.ask("document.querySelector('.panel .bare').getBoundingClientRect().height") > 40


def test_cosines_are_told_as_what_they_are(browser, made):
    browser.open(made("cosine", traces.trace(grounding="cosine")), "#token=5")
    assert "Largest cosine with a video token: 0.41" in browser.ask(PANEL)
    assert "%" not in browser.ask("document.querySelector('.panel .best').innerText")


def test_a_family_without_a_grid_tells_the_share_alone(browser, made):
    browser.open(made("gridless", traces.trace(layout=None)), "#token=5")
    assert "41 % of the attention here goes to the video." in browser.ask(PANEL)
    assert browser.ask("document.querySelectorAll('canvas').length") == 0
    assert browser.complaints() == []


def test_more_frames_than_can_be_shown_have_their_best_in_the_panel(browser, made):
    count, steps = 200, 100
    said = traces.rounds([("a", "", "", "exact")])
    said[0]["places"][0]["grounding"] = traces.grounding("end", steps)
    layout = {"steps": steps, "rows": traces.ROWS, "columns": traces.COLUMNS, "frames_per_step": 2}
    head = traces.head(frame_times_s=traces.times(count), thumbnails=[], layout=layout)
    browser.open(made("many-frames", traces.trace((head, said))), "#token=0")
    assert browser.ask("document.querySelector('.frames')") is None
    assert (
        browser.ask("document.querySelector('.best li .time').firstChild.textContent").replace("\xa0", " ")
        == "7.94\u20137.98 s"
    )
    assert browser.ask("document.querySelectorAll('.when i').length") == steps


def test_on_a_phone_a_tap_brings_the_panel_into_sight(browser, traced):
    browser.open(traced, **PHONE)
    browser.tap(".caption .recovered")
    assert browser.ask(CHOSEN) == "red"
    box = browser.ask(
        "(box => [box.top, box.bottom, innerHeight])(document.querySelector('.panel').getBoundingClientRect())"
    )
    assert 0 < box[0] < box[1] <= box[2]
    browser.tap(".panel .close")
    assert browser.ask(CHOSEN) is None


@pytest.mark.parametrize(("scheme", "themes"), [("light", [False, False, True]), ("dark", [True, False, True])])
def test_the_theme_follows_the_system_until_it_is_chosen(browser, traced, scheme, themes):
    browser.open(traced, scheme=scheme)
    dark = "getComputedStyle(document.documentElement).backgroundColor"
    for expected in themes:
        assert (sum(map(int, re.findall(r"\d+", browser.ask(dark))[:3])) < 200) is expected
        browser.click(".theme")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_and_marks_stand_out_from_their_ground(browser, traced, scheme):
    browser.open(traced, scheme=scheme)
    colour = """(name => {
      const context = new OffscreenCanvas(1, 1).getContext('2d');
      const probe = document.body.appendChild(document.createElement('i'));
      probe.style.color = `var(--${name})`;
      context.fillStyle = getComputedStyle(probe).color;
      context.fillRect(0, 0, 1, 1);
      return [...context.getImageData(0, 0, 1, 1).data];
    })"""

    def luminance(name):
        channels = [value / 255 for value in browser.ask(f"{colour}('{name}')")[:3]]
        linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(name, ground):
        high, low = sorted((luminance(name), luminance(ground)), reverse=True)
        return (high + 0.05) / (low + 0.05)

    assert {
        name: contrast(name, ground)
        for name in ("ink", "muted", "accent", "failed")
        for ground in ("page", "card", "sunken")
        if contrast(name, ground) < 4.5
    } == {}
    origins = ("exact", "loose", "shifted", "recovered", "bonus", "target")
    assert {name: contrast(name, "page") for name in origins if contrast(name, "page") < 3} == {}


def test_origins_differ_in_more_than_colour(browser, made):
    said = [("a", "", "", "exact"), (" b", " c", "", "loose"), (" d", " e", "", "shifted"), (" f", " g", "", "anchor")]
    plain = traces.a_round(9, [], traces.own_token("h", "", "target", 0), ["h"])
    full = traces.rounds([("i", "", "", "exact")] * (traces.GAMMA + 1))
    browser.open(made("origins", traces.trace(decoded=[*traces.rounds(said), plain, *full])))
    styles = browser.ask("""['exact', 'loose', 'shifted', 'recovered', 'bonus', 'target', 'rejected'].map(kind => {
      const style = getComputedStyle(document.querySelector(`.caption .${kind}`));
      return [style.textDecorationLine, style.textDecorationStyle, style.borderTopStyle, style.fontWeight].join(' ');
    })""")
    assert len(set(styles)) == 7


def test_without_script_all_but_the_panel_is_there(browser, made):
    page = made("traced", traces.trace())
    browser.open(page, scripts=False)
    seen = browser.ask("document.body.innerText")
    for words in (
        "footage",
        "estimated speed-up over the target alone",
        "Acceptance by round",
        "verify",
        "Fidelity",
        "0.5",
    ):
        assert words in seen
    assert browser.ask("document.querySelectorAll('.frames img').length") == traces.FRAMES
    assert browser.ask("document.querySelector('.bars svg').getBoundingClientRect().height") > 50
    hidden = "['.panel', '.theme', 'label.scripted'].map(each => document.querySelector(each).getClientRects().length)"
    assert browser.ask(hidden) == [0, 0, 0]


def test_the_index_is_sorted_and_narrowed(browser, made):
    browser.open(made("several", several()))
    rows = "[...document.querySelectorAll('.index tbody tr')].filter(each => !each.hidden)"
    names = f"{rows}.map(each => each.cells[0].innerText.split('\\n')[0])"
    files = ["circle.mp4", "broken.mp4", "0.mp4", "1.mp4", "2.mp4", "killed.mp4"]
    assert browser.ask(names) == [f"films/{name}" for name in files]
    browser.click(".index th:first-child button")
    assert browser.ask(names) == sorted(f"films/{name}" for name in files)
    browser.click(".index th:nth-child(6) button")
    assert set(browser.ask(names)[-2:]) == {"films/broken.mp4", "films/killed.mp4"}, "what is not known comes last"
    assert browser.ask("document.querySelector('.index th:nth-child(6)').ariaSort") == "descending"
    browser.ask("document.querySelector('.filter input').focus()")
    browser.send("Input.insertText", text="Failed")
    assert browser.ask(names) == ["films/broken.mp4"]
    assert browser.ask("document.querySelector('.filter output').textContent") == "1 of 6"


def test_a_row_leads_to_its_video_and_unfolds_it(browser, made):
    browser.open(made("several", several()))
    assert browser.ask("document.querySelectorAll('details.video[open]').length") == 0
    browser.click(".index tbody tr:nth-child(2) a")
    assert (
        browser.ask(
            "new Promise(done => setTimeout(() => done(document.querySelector('details.video[open] h2').innerText)))"
        )
        == "broken.mp4"
    )


def test_on_paper_the_page_is_light_and_whole(browser, traced):
    browser.open(traced, scheme="dark")
    browser.send(
        "Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}]
    )
    assert browser.ask("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.ask("document.querySelector('.choices').getClientRects().length") == 0
    browser.send("Emulation.setEmulatedMedia", media="")
    assert len(browser.send("Page.printToPDF")["data"]) > 10_000
    assert browser.ask("document.querySelector('details.table').open")
