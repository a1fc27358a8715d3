// Hands out the files that lie compressed in the page, unpacked.
"use strict";
(() => {
  async function unpack(name) {
    const packed = document.querySelector(`[data-packed="${CSS.escape(name)}"]`).textContent;
    const bytes = Uint8Array.from(atob(packed.trim()), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).blob();
  }

  function save(name, blob) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  }

  for (const button of document.querySelectorAll("[data-file]")) {
    button.addEventListener("click", async () => {
      const blob = await unpack(button.dataset.file);
      button.dataset.size = blob.size;
      save(button.dataset.file, blob);
    });
  }
})();
