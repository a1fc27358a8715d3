// On a page of several studies: another baseline for every ratio; #baseline=torch/eager chooses it too.
"use strict";
(() => {
  const select = document.getElementById("among-baseline");
  if (!select) return;
  const known = JSON.parse(document.getElementById("among-data").textContent);
  const marked = new Set(known.marked);

  function fill(cell, interval, doubtful) {
    cell.querySelector("span").textContent = interval ? Numbers.significant(interval[0]) : "–";
    cell.querySelector(".mark").textContent = interval && doubtful ? "*" : "";
    const [, low, high] = interval ?? [0, 0, 0];
    const bounds = [low, high].map((value) => (value === null ? "∞" : Numbers.significant(value)));
    cell.querySelector("small").textContent = low === high ? "" : bounds.join(" to ");
  }

  // Of one trial there are no bounds: both are null.
  const single = (interval) => interval[1] === null;

  // As machines.answer writes it.
  function answer(intervals) {
    const all = intervals.length;
    const alone = intervals.filter(single).length;
    const slower = intervals.filter(([, low]) => low > 1).length;
    const faster = intervals.filter(([, , high]) => high !== null && high < 1).length;
    const same = all - alone - slower - faster;
    return [["slower", slower], ["faster", faster], ["no difference shown", same], ["one trial only", alone]]
      .filter(([, count]) => count)
      .map(([word, count]) => `${word} on ${count} of ${all}`)
      .join(", ");
  }

  function tables(chosen) {
    const doubtful = (key) => {
      const [workload, , member] = key.split(",");
      return marked.has(key) || marked.has(`${workload},${chosen.place},${member}`);
    };
    for (const cell of document.querySelectorAll("[data-ratio]")) {
      fill(cell, chosen.ratios[cell.dataset.ratio], doubtful(cell.dataset.ratio));
    }
    for (const cell of document.querySelectorAll("[data-change]")) {
      fill(cell, chosen.changes[cell.dataset.change], doubtful(cell.dataset.change));
      cell.removeAttribute("title");
    }
    for (const cell of document.querySelectorAll("[data-answer]")) {
      const found = cell.dataset.answer.split(" ").map((key) => chosen.ratios[key]).filter(Boolean);
      const own = cell.parentElement.dataset.place === String(chosen.place);
      cell.textContent = own ? "" : answer(found);
    }
    for (const row of document.querySelectorAll(".beside tr, .changes tr, .merged tr")) {
      row.classList.toggle("base", row.dataset.place === String(chosen.place));
    }
  }

  // What a trace shows of a contender on a workload and a machine: nothing where a filter hides it.
  const seen = (chosen, key) =>
    Report.hidden.has(Number(key.split(",")[1])) ? undefined : chosen.ratios[key];

  // New values for every trace that shows ratios, as machines.interval makes them.
  function refer(trace, chosen) {
    const { axis, keys } = trace.meta;
    const found = keys.map((key) => seen(chosen, key));
    const bars = { ...trace[`error_${axis}`] };
    const known = found.map((each) => (each && !single(each) ? each : null));
    bars.array = known.map((each) => (each && each[2] !== null ? each[2] - each[0] : null));
    bars.arrayminus = known.map((each) => (each ? each[0] - each[1] : null));
    return { ...trace, [axis]: found.map((each) => each?.[0] ?? null), [`error_${axis}`]: bars };
  }

  // As machines.reach has it.
  function reach(traces, chosen) {
    const keys = traces.flatMap(({ meta }) => meta.keys);
    const known = keys.map((key) => seen(chosen, key)).filter((each) => each?.[0] > 0);
    if (!known.length) return [-0.1, 0.1];
    const middles = known.map(([middle]) => middle);
    const least = Math.min(...middles) / 4;
    const most = Math.max(...middles) * 4;
    const lows = known.map((each) => (single(each) ? each[0] : Math.max(each[1], least)));
    const highs = known.map((each) => (single(each) ? each[0] : Math.min(each[2] ?? most, most)));
    const [low, high] = [Math.log10(Math.min(...lows)), Math.log10(Math.max(...highs))];
    const spare = 0.05 * (high - low) + 0.01;
    return [low - spare, high + spare];
  }

  function renamed(layout, axis, text, range) {
    const name = `${axis}axis`;
    return { ...layout, [name]: { ...layout[name], title: { ...layout[name].title, text }, range } };
  }

  // A chart that is drawn is drawn anew; one that is not yet finds its new values when it is.
  function charts(chosen, label) {
    const text = `ratio to ${label.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;")}`;
    for (const place of document.querySelectorAll("[data-figure]")) {
      const script = document.getElementById(place.dataset.figure);
      const figure = JSON.parse(script.textContent);
      const axis = figure.data.find(({ meta }) => meta?.keys)?.meta.axis;
      if (!axis) continue;
      const range = reach(figure.data, chosen);
      const layout = renamed(figure.layout, axis, text, range);
      const data = figure.data.map((trace) => refer(trace, chosen));
      script.textContent = JSON.stringify({ ...figure, data, layout });
      if (place.data) {
        const traces = place.data.map((trace) => refer(trace, chosen));
        Plotly.react(place, traces, renamed(place.layout, axis, text, range));
      }
    }
  }

  const initial = select.value;

  function show(label) {
    const option = [...select.options].find((each) => each.dataset.label === label);
    const place = option?.value ?? initial;
    if (place === shown) return;
    select.value = shown = place;
    tables(known.choices[place]);
    charts(known.choices[place], select.selectedOptions[0].textContent);
  }

  let shown = initial;
  select.addEventListener("change", () => {
    Report.state.set("baseline", select.selectedOptions[0].dataset.label);
  });
  Report.state.on("baseline", show);
  document.addEventListener("filter", () => {
    charts(known.choices[shown], select.selectedOptions[0].textContent);
  });
})();
