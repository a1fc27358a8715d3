// Draws charts in the page's own colours when they come near the reader's sight, and all of them
// before print. `Report.charts` tells which lines of a chart are shown; filters hide lines as well.
"use strict";
(() => {
  const root = document.documentElement;
  const places = [...document.querySelectorAll("[data-figure]")];
  const choices = new Map(); // by chart, which traces are chosen
  const near = new Set();
  const stale = new Set(places); // not drawn, or not as they should be by now
  const options = { responsive: true, displayModeBar: false };
  const PRINTED = { pair: 330, wide: 690 }; // pixels that paper has room for
  let loaded = null;

  // Plotly lies compressed in the page; as a script it is one that the page's policy knows.
  function library() {
    loaded ??= Report.unpack(document.getElementById("plotly")).then(async (blob) => {
      const script = document.createElement("script");
      script.textContent = await blob.text();
      document.head.append(script);
    });
    return loaded;
  }

  function theme(layout) {
    const probe = document.createElement("i");
    document.body.append(probe);
    const colour = (name) => {
      probe.style.color = `var(${name})`;
      return getComputedStyle(probe).color;
    };
    const made = {
      "font.color": colour("--text"),
      "font.family": getComputedStyle(root).fontFamily,
      "font.size": 12,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      "hoverlabel.bgcolor": colour("--back"),
      "hoverlabel.bordercolor": colour("--line"),
      "hoverlabel.font.color": colour("--text"),
    };
    for (const axis of Object.keys(layout).filter((name) => /^[xy]axis\d*$/.test(name))) {
      for (const part of ["gridcolor", "zerolinecolor", "linecolor"]) {
        made[`${axis}.${part}`] = colour("--line");
      }
      made[`${axis}.tickfont.color`] = colour("--quiet");
    }
    probe.remove();
    return made;
  }

  // Which of a chart's traces are shown, and how its axes and colours are set.
  function wanted(place, traces, layout) {
    const seen = choices.get(place);
    const chosen = traces.filter((trace, at) => seen(trace.meta ?? {}, at));
    const { title, scale } = chosen[0]?.meta ?? {};
    return [
      traces.map((trace) => chosen.includes(trace) && !Report.hidden.has(trace.meta?.group)),
      {
        ...theme(layout),
        ...(title ? { "yaxis.title.text": title } : {}),
        ...(scale && !place.data ? { "yaxis.type": scale } : {}),
      },
    ];
  }

  function put(layout, settings) {
    for (const [path, value] of Object.entries(settings)) {
      const parts = path.split(".");
      const last = parts.pop();
      parts.reduce((inner, part) => (inner[part] ??= {}), layout)[last] = value;
    }
  }

  // Draw a chart as it should be by now; needs the library.
  async function draw(place) {
    if (!stale.delete(place)) return;
    if (place.data) {
      const [visible, settings] = wanted(place, place.data, place.layout);
      await Plotly.update(place, { visible }, settings);
      place.dispatchEvent(new Event("redrawn"));
      return;
    }
    const { data, layout } = JSON.parse(document.getElementById(place.dataset.figure).textContent);
    const own = data.map((trace) => trace.visible ?? true);
    if (!choices.has(place)) choices.set(place, (_, at) => own[at]);
    layout.xaxis ??= {};
    layout.yaxis ??= {};
    const [visible, settings] = wanted(place, data, layout);
    data.forEach((trace, at) => (trace.visible = visible[at]));
    put(layout, { margin: { l: 10, r: 12, t: 34, b: 10 }, ...settings });
    put(layout, { "xaxis.automargin": true, "yaxis.automargin": true });
    await Plotly.newPlot(place, data, layout, options);
    root.dataset.charts = Number(root.dataset.charts ?? 0) + 1;
    place.dispatchEvent(new Event("drawn", { bubbles: true }));
  }

  // Charts in sight are drawn anew once, however much is changed at a time.
  function outdate(which = places) {
    which.forEach((place) => stale.add(place));
    queueMicrotask(() => window.Plotly && near.forEach(draw));
  }

  // Show the traces of a chart whose `meta` a function likes. Their `meta.title` names the y axis,
  // and `meta.scale` is its type when the chart is drawn.
  function show(place, seen) {
    choices.set(place, seen);
    outdate([place]);
  }

  function ready() {
    if (root.dataset.state) return;
    root.dataset.state = "ready";
    root.dataset.ready = Math.round(performance.now());
    if (places.length) requestIdleCallback(library);
  }

  async function sighted(entries) {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) near.add(target);
      else near.delete(target);
    }
    if (near.size) {
      await library();
      await Promise.all([...near].map(draw));
    }
    ready();
  }

  function print(on) {
    if (!window.Plotly) return;
    if (on) root.dataset.printing = "";
    else delete root.dataset.printing;
    stale.clear();
    for (const place of places.filter((each) => each.data || (on && each.checkVisibility()))) {
      stale.add(place);
      draw(place);
      const width = on ? PRINTED[place.closest(".pair, .trio") ? "pair" : "wide"] : null;
      Plotly.relayout(place, { width, autosize: !on });
    }
    places.filter((place) => !place.data).forEach((place) => stale.add(place));
  }

  Report.charts = { show };
  document.addEventListener("theme", () => outdate());
  document.addEventListener("filter", () => outdate());
  addEventListener("beforeprint", () => print(true));
  addEventListener("afterprint", () => print(false));
  const watch = new IntersectionObserver(sighted, { rootMargin: "600px 0px" });
  places.forEach((place) => watch.observe(place));
  if (!places.length) ready();
})();
