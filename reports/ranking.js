// Lets the reader choose the baseline; #baseline=torch/eager in the address chooses it too.
"use strict";
(() => {
  const select = document.getElementById("baseline");
  if (!select) return;

  // As formats.significant writes it.
  function significant(value) {
    if (Number.isNaN(value)) return "–";
    if (!Number.isFinite(value)) return value > 0 ? "∞" : "-∞";
    const size = Math.abs(value);
    if (size === 0) return "0";
    if (size < 0.001 || size >= 1e15) return value.toExponential(2).replace("e+", "e");
    if (size >= 999.5) return Math.round(value).toLocaleString("en");
    return value.toPrecision(3);
  }

  function refer() {
    for (const table of document.querySelectorAll("table.ranking")) {
      const rows = [...table.tBodies[0].rows];
      const chosen = select.value || table.dataset.fastest;
      const base = rows.find((row) => row.dataset.place === chosen);
      const seconds = Number(base?.dataset.seconds ?? NaN) || NaN;
      for (const row of rows) {
        const cell = row.querySelector(".ratio span");
        cell.textContent = significant(Number(row.dataset.seconds) / seconds);
        row.classList.toggle("base", row === base);
      }
    }
  }

  select.addEventListener("change", () => {
    Report.state.set("baseline", select.selectedOptions[0].dataset.label ?? null);
  });
  Report.state.on("baseline", (label) => {
    const option = [...select.options].find((each) => each.dataset.label === label);
    if (label !== null && option) select.value = option.value;
    refer();
  });
})();
