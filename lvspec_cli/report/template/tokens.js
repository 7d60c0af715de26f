// The tokens of a caption: pointed at, tapped, or walked through with the keys.

const HINT = "Point at a token, tap it, or press Tab and then the arrow keys: how it came to be is shown here.";

class Caption {
  constructor(part) {
    this.part = part;
    this.text = part.querySelector(".caption");
    this.tokens = [...this.text.querySelectorAll(".token")];
    this.panel = part.querySelector(".panel");
    this.chosen = null; // index of the token that stays in the panel
    this.prepareText();
    this.panel.hidden = false;
    this.show(null);
    this.listen();
  }

  prepareText() {
    // For readers of the screen a list of tokens; the text as a whole is read from a copy.
    const whole = this.text.cloneNode(true);
    for (const each of whole.querySelectorAll("del, .ends")) each.remove();
    // Without the sign of white space there must still be some between two words.
    for (const each of whole.querySelectorAll(".blank")) each.replaceWith(each.textContent === shown("") ? "" : " ");
    this.text.before(make("p", { class: "unseen" }, whole.textContent));
    this.text.setAttribute("role", "listbox");
    this.text.setAttribute("aria-label", "Tokens of the caption");
    this.text.setAttribute("aria-orientation", "horizontal");
    this.tokens.forEach((token, index) => {
      token.setAttribute("role", "option");
      token.setAttribute("aria-selected", "false");
      token.setAttribute("aria-label", `${token.textContent}, ${token.classList[1]}`);
      token.tabIndex = index ? -1 : 0;
    });
  }

  /** What the page knows of the tokens; read when it is first needed. */
  get data() {
    const data = JSON.parse(this.part.querySelector("script.data").textContent);
    const list = this.part.querySelector(".frames");
    this.strip = list && data.layout ? new Strip(list, data.layout[3], data.aspect) : null;
    Object.defineProperty(this, "data", { value: data });
    return data;
  }

  listen() {
    const indexOf = (event) => this.tokens.indexOf(event.target.closest?.(".token"));
    this.text.addEventListener("pointerover", (event) => {
      if (event.pointerType === "mouse" && indexOf(event) >= 0) this.show(indexOf(event));
    });
    this.text.addEventListener("pointerleave", () => this.show(this.chosen));
    this.text.addEventListener("click", (event) => indexOf(event) >= 0 && this.choose(indexOf(event)));
    this.text.addEventListener("focusin", (event) => indexOf(event) >= 0 && this.choose(indexOf(event)));
    this.text.addEventListener("keydown", (event) => this.press(event));
    this.part.querySelector(".smooth")?.addEventListener("change", (event) => {
      this.part.classList.toggle("blocky", !event.target.checked);
    });
    this.part.querySelector(".bars")?.addEventListener("click", (event) => {
      const number = Number(event.target.closest(".bar")?.dataset.number);
      const first = this.data.tokens.findIndex((token) => token.round === number);
      if (first >= 0) this.choose(first);
    });
  }

  press(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "Escape") return this.choose(null);
    const to = this.goal(event.key, this.tokens.indexOf(document.activeElement));
    if (to === undefined) return;
    event.preventDefault();
    this.tokens[to].focus();
  }

  /** The token that a key leads to. */
  goal(key, from) {
    const visible = this.tokens.map((_, index) => index).filter((index) => this.tokens[index].getClientRects().length);
    const at = visible.indexOf(from);
    switch (key) {
      case "ArrowRight": return visible[Math.min(at + 1, visible.length - 1)];
      case "ArrowLeft": return visible[Math.max(at - 1, 0)];
      case "ArrowDown": return this.nearest(from, visible.slice(at + 1), 1) ?? visible.at(-1);
      case "ArrowUp": return this.nearest(from, visible.slice(0, at).reverse(), -1) ?? visible[0];
      case "Home": return visible[0];
      case "End": return visible.at(-1);
    }
  }

  /** The token of the next line, in a direction, that is closest to straight above or below. */
  nearest(from, candidates, direction) {
    const middle = (index) => this.tokens[index].getClientRects()[0];
    const start = middle(from);
    const beyond = (index) => direction * (middle(index).bottom - start.bottom) > start.height / 2;
    const first = candidates.find(beyond);
    if (first === undefined) return undefined;
    const line = candidates.filter((index) => beyond(index) && Math.abs(middle(index).bottom - middle(first).bottom) < start.height / 2);
    const distance = (index) => Math.abs(middle(index).left - start.left);
    return line.reduce((best, index) => (distance(index) < distance(best) ? index : best), line[0]);
  }

  /** Keep a token in the panel; null lets it go. */
  choose(index) {
    if (index === this.chosen && index !== null) return;
    if (index !== null) captions.forEach((each) => each !== this && each.chosen !== null && each.choose(null));
    this.chosen = index;
    this.tokens.forEach((token, each) => {
      token.classList.toggle("chosen", each === index);
      token.setAttribute("aria-selected", String(each === index));
      if (index !== null) token.tabIndex = each === index ? 0 : -1;
    });
    this.panel.classList.toggle("chosen", index !== null);
    this.show(index);
    if (index !== null) document.getElementById("said").textContent = storyOf(this.kind(index), this.data.tokens[index]);
  }

  kind(index) {
    return this.tokens[index].classList[1];
  }

  /** Show a token in the panel and its heat over the frames, whether it stays there or not. */
  show(index) {
    for (const bar of this.part.querySelectorAll(".bar.current")) bar.classList.remove("current");
    if (index === null) {
      this.panel.replaceChildren(make("p", { class: "hint" }, HINT));
      this.strip?.show(null);
      return;
    }
    const token = this.data.tokens[index];
    const heat = token.grounding?.levels && this.data.layout ? new Heat(token.grounding, this.data.layout, this.data.grounding) : null;
    this.strip?.show(heat);
    this.part.querySelector(`.bar[data-number="${token.round}"]`)?.classList.add("current");
    this.fill(index, token, heat);
  }

  fill(index, token, heat) {
    const kind = this.kind(index);
    const close = make("button", { type: "button", class: "close" }, "Close");
    close.addEventListener("click", () => this.choose(null));
    const name = make("span", { class: `token ${kind}` }, this.tokens[index].textContent);
    this.panel.replaceChildren(
      make("p", { class: "head" }, name, make("span", {}, kind), make("span", { class: "place" }, `round ${token.round}`), close),
      make("p", {}, storyOf(kind, token)),
      ...probabilities(token).filter((row) => row !== null),
      ...relevance(token, this.data),
      ...grounds(token, this.data, this.strip, heat),
    );
  }
}

const setTheme = offerThemes();
openWhatIsMeant();
const table = document.querySelector(".index");
if (table) serveIndex(table);
const captions = [...document.querySelectorAll(".part")].filter((part) => part.querySelector("script.data")).map((part) => new Caption(part));

// An address that ends in #token=7 points at a token of the first caption; &theme=dark chooses a theme.
const wanted = new URLSearchParams(location.hash.slice(1));
setTheme(wanted.get("theme"));
const number = Number(wanted.get("token"));
if (wanted.has("token") && captions[0]?.tokens[number]) captions[0].choose(number);
