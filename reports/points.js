// Offers the points that a chart shows as a table, for those who would rather read them.
"use strict";
(() => {
  const MOST = 2000; // rows; the files of the page hold all
  const KINDS = {
    f4: Float32Array, f8: Float64Array, i1: Int8Array, u1: Uint8Array, i2: Int16Array,
    u2: Uint16Array, i4: Int32Array, u4: Uint32Array,
  };

  // A trace's values: a list, or an array in base64 as Plotly reads it.
  function values(given) {
    if (!given?.bdata) return [...(given ?? [])];
    const bytes = Uint8Array.from(atob(given.bdata), (letter) => letter.charCodeAt(0));
    return [...new KINDS[given.dtype](bytes.buffer)];
  }

  const shown = (value) =>
    typeof value === "number" ? (Number.isFinite(value) ? Number(value.toPrecision(4)) : "–") : value;

  function fill(table, chart) {
    const { data, layout } = chart;
    const named = data.filter((trace) => trace.name && (trace.visible ?? true) === true);
    const plain = document.createElement("textarea"); // names are escaped once for Plotly
    const name = (text) => ((plain.innerHTML = text), plain.value);
    const called = ({ tickvals, ticktext }, value) => {
      const text = ticktext?.[values(tickvals).indexOf(value)];
      return text === undefined ? shown(value) : name(text);
    };
    const heads = ["contender", layout.xaxis.title?.text || "x", layout.yaxis.title?.text || "y"];
    const head = table.createTHead().insertRow();
    heads.forEach((text, at) => {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.className = at ? "number" : "";
      cell.textContent = text;
      head.append(cell);
    });
    const body = table.createTBody();
    for (const trace of named) {
      const heights = values(trace.y);
      values(trace.x).forEach((x, at) => {
        if (body.rows.length >= MOST) return;
        const row = body.insertRow();
        for (const value of [name(trace.name), called(layout.xaxis, x), shown(heights[at])]) {
          row.insertCell().textContent = value ?? "";
        }
        for (const cell of [...row.cells].slice(1)) cell.className = "number";
      });
    }
  }

  document.addEventListener("drawn", ({ target: chart }) => {
    if (!("points" in chart.dataset)) return;
    const details = document.createElement("details");
    const summary = document.createElement("summary");
    summary.textContent = "In numbers";
    const frame = document.createElement("div");
    frame.className = "scroll tall";
    frame.tabIndex = 0;
    frame.setAttribute("role", "region");
    frame.setAttribute("aria-label", `In numbers. ${chart.getAttribute("aria-label")}`);
    details.append(summary, frame);
    const refill = () => {
      frame.replaceChildren();
      if (details.open) fill(frame.appendChild(document.createElement("table")), chart);
    };
    details.addEventListener("toggle", refill);
    chart.addEventListener("redrawn", refill);
    chart.closest(".drawing").after(details);
  });
})();
