// Hands out the files that lie compressed in the page, unpacked.
"use strict";
(() => {
  function save(name, blob) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  }

  for (const button of document.querySelectorAll("[data-file]")) {
    const name = button.dataset.file;
    button.addEventListener("click", async () => {
      save(name, await Report.unpack(document.querySelector(`[data-packed="${CSS.escape(name)}"]`)));
    });
  }
})();
