// What serves the whole page. Everything that is shown is set as text, never as HTML.

/** Make an element: attributes by name, then children; null children are left out. */
function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}

const root = document.documentElement;
root.classList.add("scripted");

/** A button that goes through the themes. */
function offerThemes() {
  const button = document.querySelector(".theme");
  const themes = ["system", "light", "dark"];
  let at = 0;
  const show = (next) => {
    at = next;
    if (at) root.dataset.theme = themes[at];
    else delete root.dataset.theme;
    button.textContent = `Theme: ${themes[at]}`;
  };
  button.hidden = false;
  button.addEventListener("click", () => show((at + 1) % themes.length));
  return (name) => themes.includes(name) && show(themes.indexOf(name));
}

/** Open what the address points into, and everything before it is printed. */
function openWhatIsMeant() {
  const open = () => {
    const meant = document.getElementById(location.hash.slice(1));
    const folded = meant?.closest("details");
    if (folded) folded.open = true;
    if (folded) meant.scrollIntoView();
  };
  addEventListener("hashchange", open);
  addEventListener("beforeprint", () => {
    for (const each of document.querySelectorAll("details.table, details.meanings")) each.open = true;
  });
  open();
}
