"""The tokens in a real browser: the keyboard, the mouse, a finger, and the heat over the frames."""

from tests.report import traces

PHONE = {"width": 360, "height": 740}
CHOSEN = "document.querySelector('.token.chosen')?.textContent"
PANEL = "document.querySelector('.panel').innerText"
FOCUSED = "document.activeElement.textContent"


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


def test_readers_of_the_screen_hear_words_apart_and_no_signs(browser, made):
    texts = ("A", " ", "red", "\n\n", "b", "", "all", "\n", "<|im_end|>")
    said = traces.rounds([(text, "", "", "exact") for text in texts])
    browser.open(made("blank", traces.trace(decoded=said)))
    assert browser.ask("document.querySelector('.unseen').textContent").split() == ["A", "red", "ball"]


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


def test_steps_are_ranked_by_what_they_carry_and_not_by_their_levels(browser, made):
    said = traces.rounds([("a", "", "circle", "exact")])
    said[0]["places"][0]["grounding"] = {**traces.grounding("circle"), "steps": [0.464, 0.04, 0.016, 0.48]}
    browser.open(made("carried", traces.trace(decoded=said)), "#token=0")
    shown = "[...document.querySelectorAll('.panel .best b')].map(each => each.textContent)"
    assert browser.ask(shown) == ["48 %", "46 %", "4 %"]
    ranks = "[...document.querySelectorAll('.frames li')].map(each => each.querySelector('.rank')?.textContent ?? '')"
    assert browser.ask(ranks) == ["2", "2", "3", "3", "", "", "1", "1"]


def test_the_heat_goes_with_its_token(browser, traced):
    browser.open(traced, "#token=5")
    browser.ask("document.querySelector('.caption .token').click()")
    assert browser.ask("document.querySelectorAll('.frames canvas, .frames .rank').length") == 0


def test_without_thumbnails_the_heat_stands_alone(browser, made):
    browser.open(made("bare", traces.trace(thumbnails=[])), "#token=5")
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
