// Heat maps: levels of the video tokens, painted over the frames that they belong to.

// Matplotlib's inferno in nine steps: perceptually uniform, and in order for the colour-blind too.
const INFERNO = [
  [0, 0, 4], [31, 12, 72], [85, 15, 109], [136, 34, 106], [186, 54, 85], [227, 89, 51], [249, 140, 10], [249, 201, 50], [252, 255, 164],
];

function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/** Colour of a level from 0 to 1; over a picture, what is low lets it through. */
function colourOf(level, opaque) {
  const at = level * (INFERNO.length - 1);
  const low = Math.min(Math.floor(at), INFERNO.length - 2);
  const mixed = INFERNO[low].map((channel, index) => channel + (at - low) * (INFERNO[low + 1][index] - channel));
  return [...mixed, 255 * (opaque ? 1 : Math.min(0.9, 1.2 * level ** 1.3))];
}

/** A canvas with one pixel a video token; style stretches it. */
function paint(levels, columns, opaque) {
  const canvas = make("canvas", { width: columns, height: levels.length / columns, "aria-hidden": "true" });
  const image = new ImageData(columns, levels.length / columns);
  levels.forEach((level, index) => image.data.set(colourOf(level / 255, opaque), 4 * index));
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

/** A token's grounding by step: levels and what it carries where they are known, heights of all, the best from the top. */
class Heat {
  constructor(grounding, layout, kind) {
    const [steps, rows, columns, perStep] = layout;
    Object.assign(this, { columns, perStep, kind });
    this.heights = bytesOf(grounding.profile);
    const levels = bytesOf(grounding.levels);
    const known = grounding.steps ?? Array.from({ length: steps }, (_, step) => step);
    const cells = rows * columns;
    this.levels = new Map(known.map((step, at) => [step, levels.subarray(at * cells, (at + 1) * cells)]));
    this.parts = new Map(known.map((step, at) => [step, grounding.carried[at]]));
    this.ranked = known.filter((step) => this.parts.get(step) > 0).sort((a, b) => this.parts.get(b) - this.parts.get(a));
  }

  /** How much a step carries, in words: a part of the attention on the video, or the largest cosine in it. */
  carried(step) {
    const part = this.parts.get(step);
    return this.kind === "attention" ? `${Math.round(100 * part)} %` : part.toPrecision(2);
  }

  canvas(step, opaque) {
    const levels = this.levels.get(step);
    return levels ? paint(levels, this.columns, opaque) : null;
  }
}

/** The frames of a part, as the page shows them: heat comes over them and goes again. */
class Strip {
  constructor(list, perStep, aspect) {
    this.list = list;
    this.places = [...list.children];
    this.perStep = perStep;
    for (const place of this.places) {
      place.querySelector(".time").append(make("b", {}));
      const box = place.querySelector(".frame");
      if (box.querySelector("img")) continue;
      box.classList.add("bare");
      box.style.aspectRatio = aspect;
    }
  }

  /** The picture of a step's first frame; null if it has none. */
  picture(step) {
    return this.places[step * this.perStep]?.querySelector("img")?.cloneNode() ?? null;
  }

  show(heat) {
    this.places.forEach((place, frame) => {
      const frameBox = place.querySelector(".frame");
      for (const old of frameBox.querySelectorAll("canvas, .rank")) old.remove();
      place.classList.remove("ranked");
      place.querySelector("b").textContent = "";
      if (heat) this.lay(heat, place, frameBox, Math.floor(frame / this.perStep), frame);
    });
  }

  lay(heat, place, frameBox, step, frame) {
    const canvas = heat.canvas(step, !frameBox.querySelector("img"));
    if (!canvas) return;
    frameBox.append(canvas);
    const rank = heat.ranked.indexOf(step);
    if (frame % this.perStep === 0) place.querySelector("b").textContent = heat.carried(step);
    if (rank < 0 || rank > 2) return;
    place.classList.add("ranked");
    frameBox.append(make("span", { class: "rank", title: "rank by what it carries" }, String(rank + 1)));
    if (rank === 0 && this.list.scrollHeight > this.list.clientHeight) this.list.scrollTop = place.offsetTop - this.list.offsetTop;
  }
}
