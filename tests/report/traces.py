"""Traces and records as lvspec writes them, made by hand: the decode that tells of the small film."""

import base64
import json
from functools import cache

from tests.report.film import COLUMNS, FRAMES, PER_STEP, ROWS, levels, thumbnail

# (what the target says, what the draft proposes there, where it looks, what becomes of it); "" is what the target says.
SAID = (
    ("The", "", "", "exact"),
    (" video", " footage", "", "loose"),
    (" shows", "", "", "exact"),
    (" a", "", "", "exact"),
    (" red", " pink", "circle", "anchor"),
    (" circle", "", "circle", "exact"),
    (" moving", " drifting", "circle", "loose"),
    (" slowly", "", "", "exact"),
    (" to", " towards", "", "loose"),
    (" the", "", "", "exact"),
    (" right", "", "circle", "exact"),
    (" over", "", "", "exact"),
    (" a", "", "", "exact"),
    (" pale", " green", "floor", "shifted"),
    (" green", " grid", "floor", "shifted"),
    (" grid", ".", "floor", "critical"),
    (".", "", "", "exact"),
    ("\n\n", "", "", "exact"),
    ("In", "", "", "exact"),
    (" the", "", "", "exact"),
    (" upper", "", "cross", "exact"),
    (" right", "", "cross", "exact"),
    (" corner", " part", "", "loose"),
    (" rests", " sits", "", "guard"),
    (" a", "", "", "exact"),
    (" blue", "", "cross", "exact"),
    (" cross", "", "cross", "exact"),
    (",", "", "", "exact"),
    (" and", "", "", "exact"),
    (" it", " which", "", "loose"),
    (" never", " always", "cross", "critical"),
    (" moves", "", "cross", "exact"),
    (".", "", "", "exact"),
    ("\n", "", "", "exact"),
    ("The", "", "", "exact"),
    (" circle", " ball", "circle", "anchor"),
    (" passes", " goes", "circle", "loose"),
    (" below", "", "cross", "exact"),
    (" the", "", "", "exact"),
    (" cross", "", "cross", "exact"),
    (" before", "", "", "exact"),
    (" the", "", "", "exact"),
    (" clip", "", "", "exact"),
    (" ends", "", "end", "exact"),
    (".", "", "", "exact"),
    ("<|im_end|>", "", "", "exact"),
)
GAMMA = 7
THRESHOLD = 0.05
KEPT = ("exact", "loose", "shifted")
SETTINGS = {
    "method": "lvspec",
    "draft_tokens": GAMMA,
    "max_tokens": 120,
    "temperature": 0.0,
    "seed": 0,
    "fps": None,
    "frames": FRAMES,
    "relevance": "table",
    "threshold": THRESHOLD,
    "critical_words": ["not", "no", "never", "none", "without", "only", "before", "after", "one", "two", "three"] * 3,
}
TARGET = {
    "id": "Qwen/Qwen2.5-VL-32B-Instruct",
    "revision": "7cfb30d71a1f4f49a57592323337a4a4727301da",
    "dtype": "bfloat16",
    "quantization": "none",
    "device": "cuda:0",
}
DRAFT = {**TARGET, "id": "Qwen/Qwen2.5-VL-7B-Instruct", "revision": None, "quantization": "nf4"}
FACTS = {
    "duration_s": 8.0,
    "width": 1280,
    "height": 720,
    "codec": "h264",
    "container": "mp4",
    "bad_packets": 0,
    "warnings": [],
}


def times(count=FRAMES):
    """When the frames are shown, in seconds."""
    return [round((at + 0.5) * 8 / count, 3) for at in range(count)]


@cache
def grounding(looks, steps=FRAMES // PER_STEP):
    """The grounding of a token; None for one that looks nowhere."""
    if not looks:
        return None
    share = {"circle": 0.41, "cross": 0.36, "floor": 0.12}.get(looks, 0.2)
    return {"share": share, "levels": base64.b64encode(levels(looks, steps)).decode(), "largest": 0.031}


def place(target, draft, looks, fate, at):
    """A draft token and what became of it."""
    verdict = fate if fate in KEPT else "rejected"
    agrees = fate == "exact"
    own = -0.05 - 0.02 * (at % 7)
    return {
        "draft": {
            "id": 100 + at,
            "text": draft or target,
            "draft_log_probability": -0.1 - 0.05 * (at % 5),
            "target_log_probability": own if agrees else -1.2 - 0.3 * (at % 4),
        },
        "choice": {"id": 100 + at if agrees else 200 + at, "text": target, "log_probability": own},
        "relevance": None if agrees else 0.11 + 0.01 * (at % 3) if looks else 0.004 * (at % 5),
        "filler": None if agrees else not looks,
        "verdict": verdict,
        "refusal": fate if verdict == "rejected" else None,
        "grounding": grounding(looks),
    }


def rounds(said=SAID, gamma=GAMMA):
    """The rounds of a decode that says these tokens."""
    found, at = [], 0
    while at < len(said):
        places, texts, following = [], [], None
        for target, draft, looks, fate in said[at : at + gamma]:
            places.append(place(target, draft, looks, fate, at))
            if fate not in KEPT:
                following = own_token(target, looks, "recovered", at)
                break
            texts.append(draft or target)
            at += 1
        if following is not None:
            places += [discarded(*token, at) for token in said[at + 1 : at + 1 + gamma - len(places)]]
        elif at < len(said):
            following = own_token(said[at][0], said[at][2], "bonus", at)
        if following is not None:
            texts.append(following["text"])
            at += 1
        found.append(a_round(len(found), places, following, texts, "stop" if at >= len(said) else None))
    return found


def discarded(target, draft, looks, fate, at):
    """A draft token after the rejected one."""
    return {
        **place(target, draft, "", fate, at),
        "verdict": "discarded",
        "refusal": None,
        "relevance": None,
        "filler": None,
    }


def own_token(text, looks, origin, at):
    """The target's own token at the end of a round."""
    choice = {"id": 200 + at, "text": text, "log_probability": -0.21}
    return {**choice, "origin": origin, "choice": choice, "grounding": grounding(looks)}


def a_round(index, places, following, texts, finish=None):
    """A round, without the keys that say which."""
    return {
        "type": "round",
        "index": index,
        "places": places,
        "next": following,
        "tokens": list(range(len(texts))),
        "texts": texts,
        "text": "".join(texts).removesuffix("<|im_end|>"),
        "draft_seconds": 0.081,
        "verify_seconds": 0.118,
        "round_seconds": 0.206,
        "finish_reason": finish,
    }


def head(**changed):
    """The line that begins a part."""
    return {
        "type": "part",
        "part": 0,
        "parts": 1,
        "summary": False,
        "path": "films/circle.mp4",
        "prompt": "Describe this video in detail.",
        "question": None,
        "system": None,
        "preset": "qwen2.5-vl-32b",
        "method": "lvspec",
        "lossy": True,
        "target": TARGET,
        "draft": DRAFT,
        "settings": SETTINGS,
        "video_facts": FACTS,
        "start_s": 0.0,
        "end_s": 8.0,
        "frame_times_s": times(),
        "thumbnails": [thumbnail(at) for at in range(FRAMES)],
        "layout": {"steps": FRAMES // PER_STEP, "rows": ROWS, "columns": COLUMNS, "frames_per_step": PER_STEP},
        "signal": "table",
        "threshold": THRESHOLD,
        "grounding": "attention",
        **changed,
    }


def stats(decoded):
    """The statistics of a record, of some rounds."""
    verdicts = [each["verdict"] for one in decoded for each in one["places"]]
    tokens = sum(len(one["texts"]) for one in decoded)
    kept = [verdict for verdict in verdicts if verdict in KEPT]
    counts = [sum(each["verdict"] in KEPT for each in one["places"]) for one in decoded]
    return {
        "num_generated_tokens": tokens,
        "num_spec_steps": len(decoded),
        "num_draft_tokens": len(verdicts),
        "num_accepted_draft_tokens": len(kept),
        "num_loosely_accepted_tokens": kept.count("loose"),
        "num_shift_accepted_tokens": kept.count("shifted"),
        "log_probability_gap_nats": 9.31,
        "acceptance_histogram": [counts.count(number) for number in range(max(counts) + 1)],
        "video_tokens": FRAMES // PER_STEP * ROWS * COLUMNS,
        "draft_video_tokens": 14,
        "memory_bytes": 71_400_000_000,
        "read_seconds": 0.38,
        "prepare_seconds": 0.12,
        "prefill_seconds": 0.61,
        "decode_seconds": 0.206 * len(decoded),
        "draft_seconds": 0.081 * len(decoded),
        "verify_seconds": 0.118 * len(decoded),
        "estimated_speedup": 2.64,
        "end_to_end_seconds": 1.2 + 0.206 * len(decoded),
    }


def record(decoded=None, **changed):
    """A record."""
    decoded = rounds() if decoded is None else decoded
    text = "".join(one["text"] for one in decoded)
    begun = head()
    shared = ("path", "prompt", "question", "preset", "method", "lossy", "target", "draft", "settings")
    return {
        "schema": "lvspec.caption/1",
        "lvspec_version": "0.1.0",
        **{key: begun[key] for key in shared},
        "fingerprint": "sampled-sha256:694574d7a4766a5b62f87363dca98f42b548db8b54b50e890fb3092662af7445",
        "video": FACTS,
        "frame_times_s": times(),
        "text": text,
        "segments": [
            {"start_s": 0.0, "end_s": 8.0, "text": text, "finish_reason": "stop", "frame_times_s": times()},
        ],
        "summary": None,
        "finish_reason": "stop",
        "stats": stats(decoded),
        "error": None,
        **changed,
    }


def failure(path="films/broken.mp4"):
    """The record of a video that cannot be read."""
    empty = dict.fromkeys(
        ("fingerprint", "video", "text", "segments", "preset", "target", "draft", "method", "settings", "stats")
    )
    error = {"type": "not_a_video", "message": f"{path} is not a video"}
    return {
        "schema": "lvspec.caption/1",
        "path": path,
        "prompt": "Describe this video in detail.",
        "question": None,
        **empty,
        "error": error,
    }


def trace(*parts, video=0, finished=True, decoded=None, **changed):
    """The lines of a trace: parts are pairs of a head and its rounds; one part of the film of the circle by default."""
    decoded = rounds() if decoded is None else decoded
    parts = parts or ((head(**changed), decoded),)
    lines = []
    for begun, its_rounds in parts:
        lines.append({**begun, "video": video})
        lines += [{**each, "video": video, "part": begun["part"]} for each in its_rounds]
    if finished:
        shared = {
            key: parts[0][0][key] for key in ("path", "prompt", "question", "method", "lossy", "settings", "draft")
        }
        every = [each for _, its_rounds in parts for each in its_rounds]
        lines.append({"type": "caption", "video": video, "record": record(every, **shared)})
    return [{"schema": "lvspec.trace/1", **line} for line in lines]


def json_lines(objects):
    """Objects as JSON lines."""
    return "".join(json.dumps(each) + "\n" for each in objects)
