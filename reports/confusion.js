// Shows one contender's confusion matrix at a time; #matrix=torch/eager in the address chooses it too.
"use strict";
(() => {
  for (const select of document.querySelectorAll("select[data-matrices]")) {
    const matrices = [...select.closest(".matrices").querySelectorAll("[data-matrix]")];

    select.addEventListener("change", () => {
      Report.state.set("matrix", select.selectedOptions[0].dataset.label);
    });
    Report.state.on("matrix", (label) => {
      const options = [...select.options];
      const chosen = options.find((option) => option.dataset.label === label) ?? options[0];
      select.value = chosen.value;
      for (const each of matrices) each.hidden = each.dataset.matrix !== chosen.value;
    });
  }
})();
