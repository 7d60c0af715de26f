"""The page in a real browser: heat maps, the keyboard, a phone, both colour schemes, print, hostile texts."""

import json
import os
import re

import pytest

from tests.report import browser as browser_module
from tests.report import traces
from tests.report.pages import HOSTILE, hostile_lines

PHONE = {"width": 360, "height": 740}


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


@pytest.mark.parametrize(("level", "count"), [("verbose", 0), ("warning", 0), ("error", 1)])
def test_only_errors_in_the_log_of_the_browser_are_complaints(browser, traced, level, count):
    browser.open(traced)
    browser.events.append({"method": "Log.entryAdded", "params": {"entry": {"level": level}}})
    assert len(browser.complaints()) == count


def test_a_browser_that_is_silent_is_not_waited_for_for_ever(tmp_path, monkeypatch):
    answers, silent = os.pipe()
    with open(tmp_path / "orders", "wb") as orders, open(silent, "wb"), open(answers, "rb"):
        monkeypatch.setattr(browser_module, "_start", lambda profile: (orders, answers, None))
        monkeypatch.setattr(browser_module, "PATIENCE", 0.01)
        with pytest.raises(TimeoutError, match=r"^Chromium has not come to Target\.createTarget within 0\.01 s$"):
            browser_module.Browser(tmp_path)


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
