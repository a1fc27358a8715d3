// Unpacks what lies compressed in the page: gzip, in base64, in a script element of no language.
"use strict";
Report.unpack = (element) => {
  const text = element.textContent.trim();
  const bytes = Uint8Array.fromBase64?.(text) ?? Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).blob();
};
