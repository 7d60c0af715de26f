// The index of many videos: sorted by a column, narrowed by a word.

function serveIndex(table) {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const valueOf = (row, column) => (column ? row.cells[column].dataset.value : row.cells[0].textContent.trim());

  const sortBy = (heading, column) => {
    const descending = heading.ariaSort ? heading.ariaSort === "ascending" : column > 0;
    for (const each of table.tHead.rows[0].cells) each.ariaSort = null;
    heading.ariaSort = descending ? "descending" : "ascending";
    const sign = descending ? -1 : 1;
    const compare = (one, other) => {
      const [a, b] = [valueOf(one, column), valueOf(other, column)];
      if (a === "" || b === "") return (a === "") - (b === ""); // what is not known comes last
      return sign * (column ? a - b : a.localeCompare(b));
    };
    body.append(...rows.sort(compare));
  };
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    const button = make("button", { type: "button" }, heading.textContent);
    heading.replaceChildren(button);
    button.addEventListener("click", () => sortBy(heading, column));
  });

  const filter = document.querySelector(".filter");
  const [input, output] = filter.querySelectorAll("input, output");
  filter.hidden = false;
  input.addEventListener("input", () => {
    const word = input.value.toLowerCase();
    let shown = 0;
    for (const row of rows) {
      row.hidden = !row.cells[0].textContent.toLowerCase().includes(word);
      shown += !row.hidden;
    }
    output.textContent = word ? `${shown} of ${rows.length}` : "";
  });
}
