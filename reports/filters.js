// Hides contenders and workloads that the reader does not want to see, in every section. Elements
// about a contender carry data-place, data-who (its name) or data-group (its button in a legend);
// headings of what is about one workload carry data-workload.
"use strict";
(() => {
  const known = JSON.parse(document.getElementById("known")?.textContent ?? "null");
  if (!known) return;
  const { contenders, workloads } = known;
  const off = new Map(); // by key, what is hidden
  let gone = new Set(); // elements
  let begun = false;
  const dimensions = [
    { key: "workload", of: workloads.map(({ fingerprint, name }) => [fingerprint, name]) },
    ...["device", "backend", "mode"].map((key) => ({
      key, of: contenders.map((who) => [who[key], who[key] || "(none)"]),
    })),
  ]
    .map(({ key, of }) => ({ key, values: new Map(of) }))
    .filter(({ values }) => values.size > 1);
  if (!dimensions.length) return;

  function make(tag, facts = {}, ...children) {
    const made = Object.assign(document.createElement(tag), facts);
    made.append(...children);
    return made;
  }

  // Values are parted by commas; those that hold one themselves are written as in addresses.
  const written = (values) => (values.length ? values.map(encodeURIComponent).join(",") : null);
  function parsed(text) {
    try {
      return new Set(text?.split(",").map(decodeURIComponent));
    } catch {
      return new Set(); // no address that was made here
    }
  }

  function choice({ key, values }) {
    const count = make("b");
    const boxes = [...values].map(([value, text]) => {
      const box = make("input", { type: "checkbox", value });
      return [box, make("label", {}, box, ` ${text}`)];
    });
    const store = () =>
      Report.state.set(`hide-${key}`, written(boxes.filter(([b]) => !b.checked).map(([b]) => b.value)));
    const all = (on) =>
      make("button", { type: "button", textContent: on ? "all" : "none", onclick: () => {
        for (const [box] of boxes) box.checked = on;
        store();
      } });
    const group = make("fieldset", { onchange: store },
      make("legend", { textContent: `Show ${key}s` }), ...boxes.map(([, label]) => label),
      make("p", {}, all(true), all(false)));
    Report.state.on(`hide-${key}`, (text) => {
      const chosen = parsed(text);
      off.set(key, new Set([...values.keys()].filter((value) => chosen.has(value))));
      for (const [box] of boxes) box.checked = !off.get(key).has(box.value);
      count.textContent = `${values.size - off.get(key).size} of ${values.size}`;
      apply();
    });
    const made = make("details", { className: "choice" }, make("summary", {}, `${key} `, count), group);
    made.name = "filters";
    return made;
  }

  // A heading's block: itself and what follows it, to the next heading of its rank; what a section
  // says at its very end is about all of it.
  function block(head) {
    const rank = /^H([1-6])$/.exec(head.tagName)?.[1];
    if (!rank) return [head];
    const made = [head];
    for (let next = head.nextElementSibling; next; next = next.nextElementSibling) {
      const other = /^H([1-6])$/.exec(next.tagName)?.[1];
      if (other && other <= rank) break;
      if (next.nextElementSibling || !next.matches(".note")) made.push(next);
    }
    return made;
  }

  function hide() {
    const found = new Set();
    const absent = (text) => Report.hidden.has(Number(text));
    const main = document.querySelector("main");
    for (const head of main.querySelectorAll("[data-workload]")) {
      if (off.get("workload")?.has(head.dataset.workload)) block(head).forEach((e) => found.add(e));
    }
    for (const each of main.querySelectorAll("[data-place], [data-group]")) {
      if (absent(each.dataset.place ?? each.dataset.group)) found.add(each);
    }
    const rows = new Map();
    for (const who of main.querySelectorAll("tbody [data-who]")) {
      const row = who.closest("tr");
      const names = rows.get(row) ?? rows.set(row, []).get(row);
      names.push(who);
    }
    for (const [row, names] of rows) {
      if (row.dataset.place !== undefined) continue;
      const own = names.filter((who) => who.closest("th"));
      if ((own.length ? own : names).every((who) => absent(who.dataset.who))) found.add(row);
      else for (const who of names) if (absent(who.dataset.who)) found.add(who);
    }
    for (const each of gone) if (!found.has(each)) each.removeAttribute("data-filtered");
    for (const each of found) each.setAttribute("data-filtered", "");
    gone = found;
  }

  function apply() {
    if (!begun) return;
    const hidden = contenders.flatMap((who, place) =>
      ["device", "backend", "mode"].some((key) => off.get(key)?.has(who[key])) ? [place] : []);
    Report.hidden = new Set(hidden);
    hide();
    const parts = [[hidden.length, contenders.length, "contenders"],
      [off.get("workload")?.size ?? 0, workloads.length, "workloads"]];
    const texts = parts.filter(([n]) => n).map(([n, whole, noun]) => `${n} of ${whole} ${noun}`);
    said.textContent = texts.length ? `A filter is on: ${texts.join(" and ")} hidden.` : "";
    everyone.hidden = !texts.length;
    document.dispatchEvent(new Event("filter"));
  }

  const said = make("p", { role: "status" });
  const everyone = make("button", { type: "button", textContent: "show all", onclick: () => {
    for (const { key } of dimensions) Report.state.set(`hide-${key}`, null);
    bar.querySelector("summary").focus();
  } });
  const bar = make("div", { className: "filters", role: "region", ariaLabel: "Filters" },
    make("span", { textContent: "Show" }), ...dimensions.map(choice), said, everyone);
  document.querySelector("main").before(bar);
  begun = true;
  apply();

  const close = (but) =>
    bar.querySelectorAll("details[open]").forEach((each) => each.contains(but) || (each.open = false));
  document.addEventListener("click", ({ target }) => close(target));
  bar.addEventListener("keydown", ({ key, target }) => {
    const open = target.closest("details[open]");
    if (key !== "Escape" || !open) return;
    close(null);
    open.querySelector("summary").focus();
  });
})();
