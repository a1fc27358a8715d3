// Draws every chart in the page's own colours, and lets legends switch their lines.
"use strict";
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const options = {
    responsive: true,
    displaylogo: false,
    displayModeBar: "hover",
    modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
  };

  function theme() {
    const css = getComputedStyle(root);
    const colour = (name) => css.getPropertyValue(name).trim();
    const axis = (name) => ({
      [`${name}.gridcolor`]: colour("--line"),
      [`${name}.zerolinecolor`]: colour("--line"),
      [`${name}.linecolor`]: colour("--line"),
      [`${name}.tickfont.color`]: colour("--quiet"),
    });
    return {
      "font.color": colour("--text"),
      "font.family": css.fontFamily,
      "font.size": 12,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      "hoverlabel.bgcolor": colour("--back"),
      "hoverlabel.bordercolor": colour("--line"),
      "hoverlabel.font.color": colour("--text"),
      "modebar.bgcolor": "rgba(0,0,0,0)",
      "modebar.color": colour("--quiet"),
      ...axis("xaxis"),
      ...axis("yaxis"),
    };
  }

  async function draw(place) {
    const figure = JSON.parse(document.getElementById(place.dataset.figure).textContent);
    const layout = { ...figure.layout, margin: { l: 10, r: 12, t: 28, b: 10 } };
    for (const axis of ["xaxis", "yaxis"]) layout[axis] = { ...layout[axis], automargin: true };
    await Plotly.newPlot(place, figure.data, layout, options);
    await Plotly.relayout(place, theme());
    root.dataset.charts = Number(root.dataset.charts ?? 0) + 1;
  }

  function legend(panel) {
    const charts = [...panel.querySelectorAll("[data-figure]")];
    const buttons = [...panel.querySelectorAll("[data-group]")];
    const pressed = (button) => button.getAttribute("aria-pressed") === "true";

    function show() {
      const kind = panel.querySelector("input[type=radio]:checked")?.value;
      const off = new Set(buttons.filter((b) => !pressed(b)).map((b) => Number(b.dataset.group)));
      for (const chart of charts) {
        const chosen = (meta) => !kind || meta.kind === kind;
        const seen = chart.data.map(({ meta }) => chosen(meta) && !off.has(meta.group));
        const title = chart.data.find(({ meta }) => chosen(meta))?.meta.title;
        Plotly.update(chart, { visible: seen }, title ? { "yaxis.title.text": title } : {});
      }
    }

    panel.addEventListener("change", show);
    panel.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      const all = button.dataset.all;
      if (all) for (const each of buttons) each.setAttribute("aria-pressed", String(all === "on"));
      else button.setAttribute("aria-pressed", String(!pressed(button)));
      show();
    });
  }

  const places = [...document.querySelectorAll("[data-figure]")];
  dark.addEventListener("change", () => places.forEach((place) => Plotly.relayout(place, theme())));
  addEventListener("beforeprint", () => places.forEach((place) => Plotly.Plots.resize(place)));
  Promise.all(places.map(draw)).then(() => {
    document.querySelectorAll(".panel").forEach(legend);
    root.dataset.state = "ready";
  });
})();
