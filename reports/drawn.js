// Lets other scripts change a chart: at once where it is drawn, else as soon as it is.
"use strict";
const Drawn = (() => {
  const root = document.documentElement;
  const waiting = new Map();

  // Call `change(chart)` when the chart is there to be changed; only the last one asked for counts.
  function change(chart, how) {
    if (!chart) return;
    waiting.set(chart, how);
    settle();
  }

  function settle() {
    for (const [chart, how] of waiting) {
      if (!chart.data || !chart._fullLayout) continue;
      waiting.delete(chart);
      how(chart);
    }
  }

  // charts.js counts what it has drawn.
  new MutationObserver(settle).observe(root, { attributeFilter: ["data-charts", "data-state"] });
  return { change };
})();
