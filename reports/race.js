// Time to a target loss that the reader sets; #target=0.05 in the address sets it too.
"use strict";
(() => {
  function floats(text) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    return Float64Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
  }

  // As scaling.time_to: between two losses that are known it falls in a straight line.
  function timeTo(spent, losses, from, end, target) {
    let [since, before] = [0, NaN];
    for (let i = from; i < end; i += 1) {
      if (Number.isNaN(losses[i])) continue;
      if (losses[i] <= target) {
        const share = before > losses[i] ? (before - target) / (before - losses[i]) : 1;
        return since + share * (spent[i] - since);
      }
      [since, before] = [spent[i], losses[i]];
    }
    return Infinity;
  }

  function middle(sorted) {
    const half = sorted.length >> 1;
    return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  }

  const written = (time) => (Number.isFinite(time) ? Numbers.seconds(time) : "never");

  function range({ times, reached }) {
    const [low, high] = [times[0], times[times.length - 1]];
    return times.length < 2 || !reached ? "" : `${written(low)} to ${written(high)}`;
  }

  // The target as a line across the curves above, while they show the loss that it is about.
  function line(panel, target) {
    const kind = panel?.querySelector("input[type=radio]:checked")?.value;
    const level = { type: "line", xref: "paper", x0: 0, x1: 1, y0: target, y1: target };
    const shapes = kind === "test_loss" && target !== null
      ? [{ ...level, line: { color: "#808080", width: 1, dash: "dot" } }] : [];
    for (const chart of panel?.querySelectorAll("[data-figure]") ?? []) {
      Drawn.change(chart, () => Plotly.relayout(chart, { shapes }));
    }
  }

  // The panel of curves that comes before a race.
  function before(place) {
    let at = place.previousElementSibling;
    while (at && !at.matches(".panel")) at = at.previousElementSibling;
    return at;
  }

  function race(place, key) {
    const facts = JSON.parse(place.querySelector("script[data-race]").textContent);
    const [spent, losses] = [floats(facts.seconds), floats(facts.losses)];
    const [slider, field] = place.querySelectorAll("input");
    const body = place.querySelector("tbody");
    const rows = new Map([...body.rows].map((row) => [Number(row.dataset.place), row]));
    const chart = place.querySelector("[data-figure]");
    const scale = facts.log ? Math.log : (value) => value;
    const back = facts.log ? Math.exp : (value) => value;
    const [low, high] = [scale(facts.low), scale(facts.high)];
    const panel = before(place);
    let level = null; // the target, where any loss is near it

    function seconds(target) {
      let start = 0;
      return facts.contenders.map(({ place: who, epochs }) => {
        const times = epochs.map((count) => {
          start += count;
          return timeTo(spent, losses, start - count, start, target);
        });
        times.sort((one, other) => (one === other ? 0 : one - other));
        const reached = times.filter(Number.isFinite).length;
        return { who, times, reached, time: middle(times) };
      });
    }

    function show(target) {
      const found = seconds(target);
      place.querySelector(".now").textContent = Numbers.significant(target);
      const best = Math.min(...found.map(({ time }) => time));
      for (const each of found) {
        const row = rows.get(each.who);
        row.querySelector(".median").textContent = written(each.time);
        row.querySelector(".range").textContent = range(each);
        row.querySelector(".reached").textContent = `${each.reached} of ${each.times.length}`;
        const ratio = Number.isFinite(each.time) && best > 0 ? each.time / best : NaN;
        row.querySelector(".behind").textContent = Numbers.significant(ratio);
      }
      const order = [...found].sort((a, b) => (a.time === b.time ? 0 : a.time - b.time));
      body.append(...order.map(({ who }) => rows.get(who)));
      Drawn.change(chart, () => draw(found));
      level = target >= facts.low && target <= facts.high ? target : null;
      line(panel, level);
    }

    function draw(found) {
      const by = new Map(found.map((each) => [each.who, each]));
      const shown = chart.data.map(({ meta }) => by.get(meta.group));
      const known = ({ time }) => Number.isFinite(time);
      const most = ({ times }) => times.filter(Number.isFinite).at(-1);
      Plotly.update(
        chart,
        {
          x: shown.map((each) => [known(each) ? each.time : null]),
          "error_x.array": shown.map((each) => [known(each) ? most(each) - each.time : 0]),
          "error_x.arrayminus": shown.map((each) => [known(each) ? each.time - each.times[0] : 0]),
          customdata: shown.map(({ reached, times }) => [
            `(${reached} of ${times.length === 1 ? "1 trial" : `${times.length} trials`})`,
          ]),
        },
        { "xaxis.autorange": true },
      );
    }

    function choose(target) {
      const at = (scale(target) - low) / (high - low || 1);
      slider.value = String(Math.round(facts.steps * Math.min(1, Math.max(0, at || 0))));
      field.value = String(target);
      show(target);
    }

    const valid = (text) => text !== null && text.trim() !== "" && Number.isFinite(Number(text));
    slider.addEventListener("input", () => {
      const target = back(low + (Number(slider.value) / facts.steps) * (high - low));
      field.value = String(Number(target.toPrecision(3)));
      show(Number(field.value));
    });
    slider.addEventListener("change", () => Report.state.set(key, field.value));
    field.addEventListener("change", () => {
      const target = valid(field.value) ? field.value : null;
      Report.state.set(key, target);
      if (target === null) choose(facts.target);
    });
    panel?.addEventListener("change", () => line(panel, level));
    place.querySelector(".target").hidden = false;
    Report.state.on(key, (text) => choose(valid(text) ? Number(text) : facts.target));
  }

  document.querySelectorAll(".race").forEach((place, number) => {
    race(place, number ? `target-${number + 1}` : "target");
  });
})();
