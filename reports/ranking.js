// Lets the reader choose the baseline; #baseline=torch/eager in the address chooses it too.
"use strict";
(() => {
  const select = document.getElementById("baseline");
  if (!select) return;
  const tables = [...document.querySelectorAll("table.ranking")].map((table) => ({
    rows: [...table.tBodies[0].rows],
    fastest: table.dataset.fastest,
    forest: document.getElementById(table.dataset.forest),
    ratios: JSON.parse(document.getElementById(table.dataset.ratios).textContent),
  }));
  const names = new Map([...select.options].map((each) => [each.value, each.textContent]));

  // Ratio, low and high of one contender over the baseline; the ratio alone where that is known.
  function over(ratios, base, place) {
    const seconds = ratios.seconds;
    if (base === place && place in seconds) return [1, 1, 1];
    const plain = (seconds[place] ?? NaN) / (seconds[base] ?? NaN);
    const [ratio, low, high] = ratios.over[base]?.[place] ?? [plain, plain, plain];
    return [ratio, low ?? NaN, high ?? NaN];
  }

  function refer() {
    for (const { rows, fastest, forest, ratios } of tables) {
      const base = select.value || fastest;
      const found = new Map();
      for (const row of rows) {
        const place = row.dataset.place;
        const [ratio, low, high] = over(ratios, base, place);
        found.set(Number(place), [ratio, low, high]);
        row.querySelector(".ratio span").textContent = Numbers.significant(ratio);
        row.querySelector(".ratio .bounds").textContent = Numbers.bounds(low, high);
        row.classList.toggle("base", place === base);
      }
      Drawn.change(forest, (chart) => draw(chart, found, names.get(base) ?? ""));
    }
  }

  const reach = (low, high, length) => (Numbers.vague(low, high) ? 0 : length);

  function draw(chart, found, name) {
    const shown = chart.data.map(({ meta }) => found.get(meta.group) ?? [NaN, NaN, NaN]);
    const escaped = name.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
    Plotly.update(
      chart,
      {
        x: shown.map(([ratio]) => [ratio]),
        "error_x.array": shown.map(([ratio, low, high]) => [reach(low, high, high - ratio)]),
        "error_x.arrayminus": shown.map(([ratio, low, high]) => [reach(low, high, ratio - low)]),
        customdata: shown.map(([, low, high]) => [Numbers.bounds(low, high)]),
      },
      { "xaxis.title.text": `times as long as<br>${escaped}`, "xaxis.autorange": true },
    );
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
