// Gives charts of curves the axis that suits what they show: losses a logarithmic one.
"use strict";
(() => {
  for (const panel of document.querySelectorAll(".panel")) {
    panel.addEventListener("change", () => {
      const kind = panel.querySelector("input[type=radio]:checked")?.value;
      for (const chart of panel.querySelectorAll("[data-figure]")) {
        const meta = chart.data?.find((trace) => trace.meta.kind === kind)?.meta;
        if (meta?.scale && chart.layout.yaxis.type !== meta.scale) {
          Plotly.relayout(chart, { "yaxis.type": meta.scale, "yaxis.autorange": true });
        }
      }
    });
  }
})();
