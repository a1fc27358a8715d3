// What the reader has chosen, kept in the address so that it can be passed on:
// #baseline=torch/eager&target=0.05. Other scripts ask `Report.state`; nothing else touches the address.
// Links within the page (#ranking) leave the choices as they are: the place becomes one of them, `at`.
"use strict";
const Report = (() => {
  const listeners = new Map();
  let known = read();

  function read() {
    const text = location.hash.slice(1);
    return new URLSearchParams(!text || text.includes("=") ? text : `at=${text}`);
  }

  function write() {
    const only = known.size === 1 && known.get("at");
    const hash = known.size ? `#${only || known}` : location.pathname + location.search;
    history.replaceState(null, "", hash);
  }

  // The value chosen for a key; null where nothing is.
  function get(key) {
    return known.get(key);
  }

  // Choose a value, or with null take the choice back; tells everyone who listens to the key.
  function set(key, value) {
    if (value === known.get(key)) return;
    if (value === null) known.delete(key);
    else known.set(key, value);
    write();
    tell(key);
  }

  // Call back now, and whenever the key's value changes, with the value or null.
  function on(key, listener) {
    listeners.set(key, [...(listeners.get(key) ?? []), listener]);
    listener(get(key));
  }

  function tell(key) {
    for (const listener of listeners.get(key) ?? []) listener(get(key));
  }

  addEventListener("hashchange", () => {
    const text = location.hash.slice(1);
    if (text && !text.includes("=")) {
      known.set("at", read().get("at"));
      write();
      return;
    }
    const before = known;
    known = read();
    for (const key of listeners.keys()) if (before.get(key) !== known.get(key)) tell(key);
  });
  addEventListener("DOMContentLoaded", () => {
    if (location.hash.includes("=")) document.getElementById(get("at"))?.scrollIntoView();
  });
  return { state: { get, set, on }, hidden: new Set() };
})();
