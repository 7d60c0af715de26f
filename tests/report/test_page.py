"""The page: whole by itself, its policy fits it, and what came from a model or a file name is text and nothing else."""

import base64
import hashlib
import json
import re

import pytest

from lvspec_cli.report.page import script_json
from lvspec_cli.report.wording import harmless
from tests.report import traces
from tests.report.pages import HOSTILE, Taken, hostile_lines, page_of


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page of one traced video."""
    return Taken(page_of(tmp_path_factory.mktemp("page"), traces.trace()))


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The page of lines that say nothing but a harmless text."""
    return Taken(page_of(tmp_path_factory.mktemp("plain"), hostile_lines("plain/text")))


def test_the_page_names_nothing_outside_itself(page):
    names = [value for _, attributes in page.elements for key, value in attributes.items() if key in ("href", "src")]
    assert len(names) == 1 + traces.FRAMES
    assert all(name == "data:," or name.startswith("data:image/jpeg;base64,/9j/") for name in names)
    assert not re.search(
        r"url\(|@import|https?:|fetch\(|import\(|XMLHttpRequest|WebSocket", "".join(text for _, text in page.raw)
    )


def test_the_policy_lets_in_the_pages_own_style_and_script_and_nothing_else(page):
    (policy,) = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    (style,) = [text for tag, text in page.raw if tag == "style"]
    script = page.raw[-1][1]
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    assert rules == {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": f"'sha256-{hashes[0]}'",
        "script-src": f"'sha256-{hashes[1]}'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def test_no_element_carries_style_or_script_of_its_own(page):
    assert not [key for _, attributes in page.elements for key in attributes if key == "style" or key.startswith("on")]


def test_the_script_sets_text_and_never_html(page):
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|new Function", page.raw[-1][1])


@pytest.mark.parametrize("name", HOSTILE)
def test_no_text_makes_or_changes_an_element(tmp_path, plain, name):
    taken = Taken(page_of(tmp_path, hostile_lines(HOSTILE[name] + "/text")))
    assert taken.shape == plain.shape


@pytest.mark.parametrize("name", HOSTILE)
def test_every_text_is_shown_as_it_is_but_for_what_would_steer_its_reader(tmp_path, name):
    text = HOSTILE[name]
    page = page_of(tmp_path, traces.trace(path=text, prompt=text))
    taken = Taken(page)
    assert harmless(text) in taken.texts
    assert page.encode("utf-8")
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]", page)


@pytest.mark.parametrize("name", HOSTILE)
def test_what_the_script_is_given_cannot_leave_its_element(tmp_path, name):
    said = [(HOSTILE[name], "", "", "exact")]
    taken = Taken(page_of(tmp_path, traces.trace(decoded=traces.rounds(said))))
    (data,) = [text for tag, text in taken.raw if tag == "script" and text.startswith("{")]
    assert not set(data) & set("<>&\u2028\u2029")
    assert json.loads(data)["tokens"][0]["draft"]["text"] == harmless(HOSTILE[name])


def test_a_number_that_json_does_not_know_never_reaches_the_script():
    with pytest.raises(ValueError, match="not JSON compliant"):
        script_json({"a": float("nan")})


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/x.jpg",
        "javascript:alert(1)",
        "data:text/html;base64,PHNjcmlwdD4=",
        "data:image/svg+xml;base64,PHN2Zy8+",
        'data:image/jpeg;base64,/9j/" onerror="alert(1)',
        "data:image/png;base64,/9j/",
        "data:image/jpeg;base64,/9",
        "",
    ],
)
def test_only_pictures_are_taken_for_thumbnails(tmp_path, url):
    taken = Taken(page_of(tmp_path, traces.trace(thumbnails=[url] * traces.FRAMES)))
    assert taken.all("img") == []
    assert sum(attributes.get("class") == "frame" for attributes in taken.all("div")) == traces.FRAMES


def test_png_thumbnails_are_taken_too(tmp_path):
    png = "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
    taken = Taken(page_of(tmp_path, traces.trace(thumbnails=[png] * traces.FRAMES)))
    assert [image["src"] for image in taken.all("img")] == [png] * traces.FRAMES


def test_every_thumbnail_is_there_once(page):
    assert len({image["src"] for image in page.all("img")}) == len(page.all("img")) == traces.FRAMES
    assert not any("image/jpeg" in text for _, text in page.raw)


def test_the_text_is_the_tokens_joined(tmp_path):
    page = page_of(tmp_path, traces.trace())
    shown = re.search(r'<p class="caption"[^>]*>(.*?)</p>', page, re.DOTALL)[1]
    kept = re.sub(r"<del[^>]*>.*?</del>|<wbr>", "", shown)
    assert "".join(Taken(kept).texts).replace("\u21b5", "") == "".join(
        text for each in traces.rounds() for text in each["texts"]
    )


def test_tokens_are_marked_by_their_origin_and_rejected_ones_stand_where_they_were_rejected(tmp_path):
    said = [("a", "", "", "exact"), (" b", " x", "", "loose"), (" c", " y", "q", "anchor"), (" d", " z", "", "exact")]
    page = page_of(tmp_path, traces.trace(decoded=traces.rounds(said)))
    shown = re.search(r'<p class="caption"[^>]*>(.*?)</p>', page, re.DOTALL)[1]
    assert shown == (
        '<span class="token exact">a</span> <span class="token loose">x</span><wbr><del class="token rejected">y</del>'
        '<wbr><del class="discarded" title="discarded after the rejected token">z</del>'
        ' <span class="token recovered">c</span> <span class="token exact ends">z</span>'
    )


def test_tokens_without_ink_have_a_sign_and_keep_their_breaks(tmp_path):
    said = [
        ("a", "", "", "exact"),
        ("\n\n", "", "", "exact"),
        ("", "", "", "exact"),
        (" ", "", "", "exact"),
        (".\n", "", "", "exact"),
    ]
    page = page_of(tmp_path, traces.trace(decoded=traces.rounds(said)))
    assert '<span class="token exact blank">\u21b5\u21b5</span>\n\n<span' in page
    assert '<span class="token exact blank">\u25cc</span><span class="token exact blank">\u2423</span>' in page
    assert '<span class="token exact ends">.</span>\n</p>' in page


@pytest.mark.parametrize(("before", "kind"), [(traces.GAMMA, "bonus"), (1, "exact")])
def test_the_stop_token_is_set_apart(tmp_path, before, kind):
    said = [("a", "", "", "exact")] * before + [("<|im_end|>", "", "", "exact")]
    page = page_of(tmp_path, traces.trace(decoded=traces.rounds(said)))
    assert f'<span class="token {kind} ends">&lt;|im_end|&gt;</span>' in page


def test_figures_time_settings_models_and_fidelity_are_there(page):
    for part in (
        "2.64\u00d7 estimated speed-up over the target alone",
        "5.75 tokens a round mean acceptance length: 46 tokens in 8 rounds",
        "76 % of 51 draft tokens accepted",
        "reading the video 380 ms 13 %",
        "verify 944 ms 33 %",
        "in all 2.85 s",
        "Lossy: the text may differ from the target's own. 6 of 46 tokens were kept loosely, 2 shifted.",
        "That cost 9.31 nats in all, 0.202 a token.",
        "on average 0.312 times as probable as its own choice there",
        "Qwen/Qwen2.5-VL-32B-Instruct",
        "7cfb30d71a1f4f49a57592323337a4a4727301da",
        "bfloat16, quantization nf4, on cuda:0",
        "Describe this video in detail.",
        "size 1280\u00d7720 pixels",
        "max_tokens 120",
        "memory in use 71.4 GB",
    ):
        assert part in page.words
    assert {name for name in traces.SETTINGS if name not in page.words} == set()


def test_a_chart_says_in_words_what_it_shows(page):
    charts = [svg for svg in page.all("svg") if svg.get("role") == "img"]
    assert charts[0]["aria-label"].replace("\xa0", " ") == "Draft tokens by round: 8 rounds, 39 of 51 kept"
    assert "Round 1: 3 exact, 1 loose, 1 recovered, 3 rejected" in page.words


def test_a_failed_and_an_interrupted_video_say_so(tmp_path):
    taken = Taken(page_of(tmp_path, [*traces.trace(finished=False), traces.failure()]))
    assert "2 videos" in taken.words
    assert "1 failed, 1 interrupted, 1 with a trace." in taken.words
    assert "The trace ends before the video was finished" in taken.words
    assert "not_a_video: films/broken.mp4 is not a video" in taken.words
    assert "ends within films/circle.mp4: the run was interrupted." in taken.words


def segmented():
    settings = {**traces.SETTINGS, "summary": True}
    spans = [{"start_s": 4.0 * number, "end_s": 4.0 * number + 4} for number in range(3)]
    heads = [
        traces.head(part=number, parts=3, summary=number == 2, settings=settings, **span)
        for number, span in enumerate(spans)
    ]
    return traces.trace(*((head, traces.rounds()) for head in heads))


def test_every_part_of_a_video_has_a_block_of_its_own(tmp_path):
    words = Taken(page_of(tmp_path, segmented())).words
    places = [words.index(title) for title in ("Summary", "Segment 1 of 2 0 s to 4 s", "Segment 2 of 2 4 s to 8 s")]
    assert places == sorted(places)


def test_segments_of_a_record_are_shown_with_their_times_behind_the_summary(tmp_path):
    shared = {"finish_reason": "stop", "frame_times_s": [1.0]}
    segments = [
        {"start_s": 0.0, "end_s": 61.5, "text": "One.", **shared},
        {"start_s": 61.5, "end_s": 80, "text": "Two.", **shared},
    ]
    words = Taken(page_of(tmp_path, [traces.record(text="Both.", summary="Both.", segments=segments)])).words
    assert "Summary Both. Segment 1 of 2 0 s to 1:01.50 One. Segment 2 of 2 1:01.50 to 1:20.00 Two." in words


def test_a_video_of_which_a_segment_failed_is_shown_as_captioned_in_part(tmp_path):
    shared = {"frame_times_s": [], "start_s": 0.0, "end_s": 4.0}
    late = {"type": "timeout", "message": "it took too long"}
    segments = [
        {**shared, "text": "One.", "finish_reason": "stop", "error": None},
        {**shared, "text": "", "finish_reason": None, "error": late},
    ]
    words = Taken(page_of(tmp_path, [traces.record(text="One.", segments=segments, error=late)])).words
    assert "Captioned in part. timeout: it took too long" in words
    assert "One. Segment 2 of 2 0 s to 4 s (Not captioned: it took too long)" in words
    assert "Not captioned." not in words


def test_a_text_that_is_written_otherwise_than_it_was_decoded_is_shown_as_written(tmp_path):
    lines = traces.trace()
    assert "As written" not in Taken(page_of(tmp_path, lines)).words
    lines[-1]["record"]["text"] = "film, " + lines[-1]["record"]["text"]
    assert "As written film, The footage" in Taken(page_of(tmp_path, lines)).words


def test_one_record_of_a_lossless_method_says_so(tmp_path):
    text = Taken(page_of(tmp_path, [traces.record(lossy=False)])).words
    assert "Lossless: the text is what the target says by itself, token for token." in text
    assert "Rounds by accepted draft tokens" in text


def test_a_bare_record_is_enough(tmp_path):
    text = Taken(page_of(tmp_path, [{"schema": "lvspec.caption/1", "path": "x.mp4", "text": "Hello."}])).words
    assert "x.mp4" in text
    assert "Hello." in text


def test_of_thousands_of_videos_all_have_a_row_and_those_with_a_trace_their_details(tmp_path):
    record = traces.record()
    records = [{**record, "path": f"{number}.mp4"} for number in range(2000)]
    page = page_of(tmp_path, records, traces.trace())
    taken = Taken(page)
    assert len(taken.all("tr")) == 2002
    assert [link["href"] for link in taken.all("a")] == ["#video-0"]
    assert page.count('class="caption"') == 1
    assert "2,001 captioned, 1 with a trace." in taken.words
    assert len(page) < 2_000_000


def heat_of(folder, kind="attention", **known):
    """What the script is given of a video of one row and 8,193 tokens, in steps of 2,731, of which one is hot."""
    levels = base64.b64encode(b"\xff" + bytes(8192)).decode()
    said = traces.rounds([("a", "", "", "exact")])
    said[0]["places"][0]["grounding"] = {"share": 0.45, "levels": levels, "largest": 0.2, **known}
    layout = {"steps": 3, "rows": 1, "columns": 2731, "frames_per_step": 3}
    taken = Taken(page_of(folder, traces.trace((traces.head(layout=layout, grounding=kind), said))))
    return json.loads(next(text for tag, text in taken.raw if text.startswith("{")))["tokens"][0].get("grounding")


def test_what_a_step_carries_counts_what_its_levels_round_away(tmp_path):
    heat = heat_of(tmp_path, steps=[0.46, 0.04, 0.5])
    assert heat["carried"] == [0.46, 0.04, 0.5]
    assert list(base64.b64decode(heat["profile"])) == [235, 20, 255]


@pytest.mark.parametrize("known", [{}, {"steps": None}])
def test_an_older_trace_is_shown_by_its_levels(tmp_path, known):
    assert heat_of(tmp_path, **known)["carried"] == [1.0, 0.0, 0.0]


@pytest.mark.parametrize("key", ["share", "largest"])
def test_a_grounding_whose_numbers_are_not_known_is_none(tmp_path, key):
    assert heat_of(tmp_path, **{key: None}) is None


def test_a_step_carries_its_largest_cosine(tmp_path):
    assert heat_of(tmp_path, "cosine", steps=None)["carried"] == [0.2, 0.0, 0.0]


def test_frames_beyond_what_can_be_shown_leave_the_best_of_every_heat_map(tmp_path):
    count = 600
    layout = {"steps": count // 2, "rows": traces.ROWS, "columns": traces.COLUMNS, "frames_per_step": 2}
    said = traces.rounds([("a", "", "", "exact")])
    said[0]["places"][0]["grounding"] = traces.grounding("circle", count // 2)
    head = traces.head(frame_times_s=traces.times(count), thumbnails=[], layout=layout)
    taken = Taken(page_of(tmp_path, traces.trace((head, said))))
    data = json.loads(next(text for tag, text in taken.raw if text.startswith("{")))
    heat = data["tokens"][0]["grounding"]
    weights = base64.b64decode(heat["profile"])
    assert len(weights) == count // 2
    assert len(base64.b64decode(heat["levels"])) == 6 * traces.ROWS * traces.COLUMNS
    assert min(weights[step] for step in heat["steps"]) >= sorted(weights)[-6]
    assert taken.all("img") == []
