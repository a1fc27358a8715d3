// Lets the reader sort every table by any column, and search those that are long.
"use strict";
(() => {
  const LONG = 8; // rows; more can be searched
  const UNITS = {
    "µs": 1e-6, ms: 1e-3, s: 1, min: 60, h: 3600,
    B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, "%": 1, "GFLOP/s": 1,
  };
  const FIGURE = /^([-−]?)([\d,]*\.?\d+(?:e[-+]?\d+)?|∞)\s*([^\s\d*]*)/i;
  const compare = new Intl.Collator("en", { numeric: true }).compare;

  // What a cell is worth: data-value where it has one, else the number that its text begins with.
  function number(cell) {
    const found = FIGURE.exec(cell?.dataset.value ?? cell?.textContent.trim() ?? "");
    if (!found) return NaN;
    const size = found[2] === "∞" ? Infinity : Number(found[2].replaceAll(",", ""));
    return (found[1] ? -size : size) * (UNITS[found[3]] ?? 1);
  }

  const measured = (cell) =>
    cell?.dataset.value || UNITS[FIGURE.exec(cell?.textContent.trim() ?? "")?.[3]];

  // The column's values and how two of them compare; what has no value comes last.
  function column(rows, place, head) {
    const cells = rows.map((row) => row.cells[place]);
    const numeric = head.classList.contains("number") || cells.some(measured);
    if (numeric) return [cells.map(number), (a, b) => (a < b ? -1 : a > b ? 1 : 0), Number.isNaN];
    const texts = cells.map((cell) => cell?.textContent.trim() ?? "");
    return [texts, compare, (text) => text === "" || text === "–"];
  }

  function sort(table, place, way) {
    const body = table.tBodies[0];
    const rows = [...body.rows];
    rows.forEach((row, at) => (row.dataset.at ??= at)); // as the page was written
    rows.sort((a, b) => a.dataset.at - b.dataset.at);
    if (way) {
      const [values, by, empty] = column(rows, place, table.tHead.rows[0].cells[place]);
      const order = rows.map((_, at) => at).sort((a, b) => {
        const [first, second] = [empty(values[a]), empty(values[b])];
        if (first || second) return first - second || a - b;
        return way * by(values[a], values[b]) || a - b;
      });
      body.append(...order.map((at) => rows[at]));
    } else body.append(...rows);
    for (const head of table.tHead.rows[0].cells) head.removeAttribute("aria-sort");
    const said = { 1: "ascending", [-1]: "descending" }[way];
    if (said) table.tHead.rows[0].cells[place].setAttribute("aria-sort", said);
  }

  function sortable(table) {
    const heads = [...(table.tHead?.rows[0]?.cells ?? [])];
    if (table.tHead?.rows.length !== 1 || heads.some((head) => head.colSpan > 1)) return;
    heads.forEach((head, place) => {
      const told = [...table.tBodies[0].rows].some((row) => {
        const cell = row.cells[place];
        return cell && (cell.dataset.value || cell.textContent.trim());
      });
      if (!told || !head.textContent.trim()) return;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        sort(table, place, now === "ascending" ? -1 : now === "descending" ? 0 : 1);
      });
    });
  }

  function searchable(table) {
    const rows = [...table.tBodies[0].rows];
    const frame = table.closest(".scroll") ?? table;
    const box = document.createElement("input");
    box.type = "search";
    box.placeholder = `Search ${rows.length} rows`;
    box.setAttribute("aria-label", `Search: ${frame.getAttribute("aria-label") ?? "table"}`);
    const count = document.createElement("span");
    count.setAttribute("role", "status");
    box.addEventListener("input", () => {
      const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
      let left = 0;
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        const fits = words.every((word) => text.includes(word));
        row.toggleAttribute("data-unmatched", !fits);
        left += fits;
      }
      line.classList.toggle("on", words.length > 0);
      count.textContent = words.length ? `${left} of ${rows.length} rows` : "";
    });
    const line = document.createElement("p");
    line.className = "search";
    line.append(box, " ", count);
    frame.before(line);
  }

  for (const table of document.querySelectorAll("main table")) {
    if (table.tBodies.length !== 1 || table.tBodies[0].rows.length < 2) continue;
    sortable(table);
    if (table.tBodies[0].rows.length > LONG) searchable(table);
  }
})();
