// Light or dark: what the system says, until the reader chooses; #theme=dark chooses too.
"use strict";
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const button = document.createElement("button");
  button.type = "button";
  button.className = "theme";

  function changed() {
    button.textContent = dark() ? "Light colours" : "Dark colours";
    document.dispatchEvent(new Event("theme"));
  }

  button.addEventListener("click", () => {
    const wanted = dark() ? "light" : "dark";
    Report.state.set("theme", (wanted === "dark") === system.matches ? null : wanted);
  });
  Report.state.on("theme", (chosen) => {
    if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
    else delete root.dataset.theme;
    changed();
  });
  system.addEventListener("change", changed);
  addEventListener("DOMContentLoaded", () => document.querySelector("header").append(button));
})();
