// The panel that tells of one token.

const REFUSALS = {
  anchor: "it is an anchor: it says something of the video",
  critical: "it, or the target’s token, is one that is never loosened",
  guard: "the target finds it too improbable",
  mismatch: "the target would not say it",
  chance: "the dice fell against it",
};
const SIGNS = { "\n": "↵", "\t": "→", " ": "␣" };

function shown(text) {
  return text.trim() || [...text].map((character) => SIGNS[character] ?? character).join("") || "◌";
}

function quoted(text) {
  return make("bdi", {}, `‘${shown(text)}’`);
}

/** A number to three digits. */
function brief(value) {
  return String(Number(value.toPrecision(3)));
}

function percent(logProbability) {
  const value = 100 * Math.exp(Math.min(logProbability, 0));
  if (value > 0 && value < 0.1) return "< 0.1 %";
  return `${value.toFixed(value < 9.95 || (value > 99 && value < 99.95) ? 1 : 0)} %`;
}

/** A bar with its name and number; `mark` is a tick on it. Lengths are parts of 1. */
function meter(name, length, number, kind, mark = null) {
  const fill = make("i", { class: kind });
  fill.style.width = `${100 * Math.max(0, Math.min(length, 1))}%`;
  const track = make("span", { class: "track" }, fill);
  if (mark !== null) {
    const tick = make("b", {});
    tick.style.left = `${100 * Math.max(0, Math.min(mark, 1))}%`;
    track.append(tick);
  }
  return make("div", { class: "meter" }, make("span", {}, name), track, make("span", {}, number));
}

function probability(name, logProbability, kind) {
  if (logProbability === undefined) return null;
  return meter(name, Math.exp(Math.min(logProbability, 0)), percent(logProbability), kind);
}

/** One sentence on how the token came to be. */
function storyOf(kind, token) {
  const draft = token.draft && quoted(token.draft.text).textContent;
  const choice = token.choice && quoted(token.choice.text).textContent;
  const same = token.draft && token.choice && token.draft.text === token.choice.text;
  const why = REFUSALS[token.refusal] ?? "it was not kept";
  switch (kind) {
    case "exact": return same || !choice ? "The draft said what the target says." : `The dice kept it; the target’s first choice is ${choice}.`;
    case "loose": return `A filler: kept, though the target prefers ${choice ?? "another token"}.`;
    case "shifted": return `Kept: the target says it too, a few places away. Here it prefers ${choice ?? "another token"}.`;
    case "recovered": return `The target’s own, in place of the draft’s ${draft ?? "token"}: ${why}.`;
    case "bonus": return "The whole draft was kept, and the target added this one.";
    case "target": return "The target’s own; nothing was drafted in this round.";
    default: return `Rejected: ${why}.`;
  }
}

function probabilities(token) {
  const { draft, own, choice } = token;
  const rows = [];
  if (draft) {
    rows.push(make("h5", {}, "The draft’s choice ", quoted(draft.text)));
    rows.push(probability("draft", draft.draft, "of-draft"), probability("target", draft.target, "of-target"));
  }
  if (own && own.text !== choice?.text) {
    rows.push(make("h5", {}, "The target’s draw ", quoted(own.text)), probability("target", own.target, "of-target"));
  }
  if (choice && choice.text !== draft?.text) {
    rows.push(make("h5", {}, "The target’s choice ", quoted(choice.text)), probability("target", choice.target, "of-target"));
  }
  return rows;
}

function relevance(token, data) {
  if (token.relevance === undefined) return [];
  const kind = token.filler === undefined ? "" : token.filler ? "filler" : "anchor";
  const scale = 1.05 * data.scale || 1;
  const mark = data.threshold === null ? null : data.threshold / scale;
  const bar = meter(kind, token.relevance / scale, brief(token.relevance), `of-${kind || "target"}`, mark);
  const of = token.own && token.draft ? "Relevance of the rejected token" : "Relevance";
  const note = data.threshold === null ? null : make("span", { class: "muted" }, ` threshold ${brief(data.threshold)}`);
  return [make("h5", {}, of, data.signal ? ` (${data.signal})` : "", note), bar];
}

/** The frames that a token is grounded in, the best first, and how its grounding is spread over the video. */
function grounds(token, data, strip, heat) {
  if (!token.grounding) return [];
  const share = token.grounding.share;
  const said = data.grounding === "attention"
    ? `${(100 * share).toFixed(0)} % of the attention here goes to the video.`
    : `Largest cosine with a video token: ${share.toPrecision(2)}.`;
  const rows = [make("h5", {}, "Where it looks"), make("p", { class: "muted" }, said)];
  if (!heat) return rows;
  const best = heat.ranked.slice(0, 3).map((step, rank) => {
    const picture = strip?.picture(step) ?? null;
    const box = make("div", { class: picture ? "frame" : "frame bare" }, picture, heat.canvas(step, !picture), make("span", { class: "rank" }, String(rank + 1)));
    if (!picture) box.style.aspectRatio = data.aspect;
    return make("li", {}, box, make("span", { class: "time" }, timesOf(step, data, heat), make("b", {}, heat.carried(step))));
  });
  rows.push(make("ol", { class: "best", "aria-label": "Frames that carry most of it" }, ...best));
  if (heat.heights.length > 3) rows.push(...spread(heat, data));
  rows.push(make("div", { class: "ramp" }, "low", paint(Uint8Array.from({ length: 64 }, (_, at) => 4 * at), 64, true), "high"));
  return rows;
}

/** When the frames of a step are shown. */
function timesOf(step, data, heat) {
  const shown = data.times.slice(step * heat.perStep, (step + 1) * heat.perStep);
  return shown.length > 1 ? `${shown[0].split("\u00a0")[0]}–${shown.at(-1)}` : (shown[0] ?? "");
}

function spread(heat, data) {
  const bars = [...heat.heights].map((height) => {
    const bar = make("i", {});
    bar.style.height = `${height / 2.55}%`;
    return bar;
  });
  const ends = make("div", { class: "ends" }, make("span", {}, data.times[0] ?? ""), make("span", {}, data.times.at(-1) ?? ""));
  return [make("div", { class: "when", role: "img", "aria-label": "Grounding over time" }, ...bars), ends];
}
