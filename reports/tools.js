// Gives every chart buttons of its own: logarithmic or linear axes, zoom, a picture to take away.
"use strict";
(() => {
  const STEP = 0.2; // of what is seen, for an arrow key
  const ARROWS = { ArrowLeft: ["x", -1], ArrowRight: ["x", 1], ArrowDown: ["y", -1], ArrowUp: ["y", 1] };

  function button(text, label, act) {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.title = label;
    made.setAttribute("aria-label", label);
    made.addEventListener("click", () => act(made));
    return made;
  }

  // Ranges of both axes after a change of their ends.
  function ranges(chart, change) {
    const changed = {};
    for (const axis of ["xaxis", "yaxis"]) {
      const [low, high] = chart.layout[axis].range.map(Number);
      if (Number.isFinite(high - low)) changed[`${axis}.range`] = change(low, high, axis[0]);
    }
    Plotly.relayout(chart, changed);
  }

  const zoom = (chart, factor) =>
    ranges(chart, (low, high) => {
      const [middle, half] = [(low + high) / 2, ((high - low) / 2) * factor];
      return [middle - half, middle + half];
    });

  function pan(chart, event) {
    const [along, way] = ARROWS[event.key] ?? [];
    if (!along) return;
    event.preventDefault();
    ranges(chart, (low, high, axis) => {
      const by = axis === along ? way * STEP * (high - low) : 0;
      return [low + by, high + by];
    });
  }

  // A switch between a logarithmic and a linear axis.
  function scale(chart, axis) {
    const name = `${axis}axis`;
    const log = () => chart.layout[name].type === "log";
    const made = button(`log ${axis}`, `Logarithmic ${axis} axis`, () => {
      const range = { [`${name}.type`]: log() ? "linear" : "log", [`${name}.autorange`]: true };
      Plotly.relayout(chart, range).then(tell);
    });
    const tell = () => made.setAttribute("aria-pressed", String(log()));
    tell();
    return made;
  }

  // An axis of names is neither logarithmic nor linear. A horizontal one that counts things, or that
  // bars lie along, which begin at zero, is only ever linear; one of time, or drawn logarithmic, is either.
  const measures = (axis) => ["linear", "log"].includes(axis.type) && !axis.tickvals;
  const free = (axis) => axis.type === "log" || /second|time/i.test(axis.title?.text ?? "");

  function equip(chart) {
    const { xaxis, yaxis } = chart.layout;
    const tools = document.createElement("div");
    tools.className = "tools";
    tools.setAttribute("role", "group");
    tools.setAttribute("aria-label", `Controls; arrow keys move. ${chart.getAttribute("aria-label")}`);
    if (measures(yaxis)) tools.append(scale(chart, "y"));
    const bars = chart.data.some((trace) => trace.type === "bar");
    if (measures(xaxis) && free(xaxis) && !bars) tools.append(scale(chart, "x"));
    tools.append(
      button("+", "Zoom in", () => zoom(chart, 0.7)),
      button("−", "Zoom out", () => zoom(chart, 1 / 0.7)),
      button("reset", "Show all again", () =>
        Plotly.relayout(chart, { "xaxis.autorange": true, "yaxis.autorange": true })),
      button("PNG", "Save as a picture", () =>
        Plotly.downloadImage(chart, { format: "png", scale: 2, filename: chart.id })),
    );
    tools.addEventListener("keydown", (event) => pan(chart, event));
    chart.before(tools);
  }

  document.addEventListener("drawn", ({ target }) => {
    if (target.layout.xaxis?.range && target.layout.yaxis?.range) equip(target);
  });
})();
