// Writes numbers as formats.py writes them.
"use strict";
const Numbers = (() => {
  function significant(value) {
    if (Number.isNaN(value)) return "–";
    if (!Number.isFinite(value)) return value > 0 ? "∞" : "-∞";
    const size = Math.abs(value);
    if (size === 0) return "0";
    if (size < 0.001 || size >= 1e15) return value.toExponential(2).replace("e+", "e");
    if (size >= 999.5) return Math.round(value).toLocaleString("en");
    return value.toPrecision(3);
  }

  function seconds(value) {
    const unit = (scale, name) => {
      const text = significant(value / scale);
      return text === "–" ? text : `${text}\u00a0${name}`;
    };
    const size = Math.abs(value);
    if (!(size >= 0.0009995)) return unit(1e-6, "µs");
    if (!(size >= 0.9995)) return unit(1e-3, "ms");
    if (!(size >= 999.5)) return unit(1, "s");
    return value < 3 * 3600 ? unit(60, "min") : unit(3600, "h");
  }

  // Whether bounds say anything at all; as ratios.vague.
  const vague = (low, high) => !(high <= 1e4 * low);

  // As ratios.told.
  function bounds(low, high) {
    if (low === high || Number.isNaN(low)) return "";
    return vague(low, high) ? "[too few trials]" : `[${significant(low)}, ${significant(high)}]`;
  }

  return { significant, seconds, bounds, vague };
})();
