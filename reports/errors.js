// Counts what goes wrong in the page where a test, or a curious reader, can see it.
"use strict";
(() => {
  const root = document.documentElement;
  const note = (text) => {
    root.dataset.errors = `${root.dataset.errors ?? ""}${text}\n`;
  };
  addEventListener("error", (event) => note(event.message));
  addEventListener("unhandledrejection", (event) => note(String(event.reason)));
  addEventListener("securitypolicyviolation", (event) =>
    note(`${event.violatedDirective} ${event.blockedURI}`),
  );
})();
