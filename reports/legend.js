// Lets the buttons and choices above charts switch their lines.
"use strict";
(() => {
  const pressed = (button) => button.getAttribute("aria-pressed") === "true";

  function legend(panel) {
    const charts = [...panel.querySelectorAll("[data-figure]")];
    const buttons = [...panel.querySelectorAll("[data-group]")];

    function show() {
      const kind = panel.querySelector("input[type=radio]:checked")?.value;
      const off = new Set(buttons.filter((b) => !pressed(b)).map((b) => b.dataset.group));
      const seen = (meta) => (!kind || meta.kind === kind) && !off.has(String(meta.group));
      for (const chart of charts) Report.charts.show(chart, seen);
    }

    panel.addEventListener("change", show);
    panel.addEventListener("click", (event) => {
      const button = event.target.closest(".legend button");
      if (!button) return;
      const all = button.dataset.all;
      if (all) for (const each of buttons) each.setAttribute("aria-pressed", String(all === "on"));
      else button.setAttribute("aria-pressed", String(!pressed(button)));
      show();
    });
  }

  document.querySelectorAll(".panel").forEach(legend);
})();
