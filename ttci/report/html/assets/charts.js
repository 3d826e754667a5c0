// The rounds of a benchmark: how its samples are distributed, and how they came one after the other.
const CHART_HEIGHT = 170; // CSS pixels
const MOST_BINS = 40;
const MOST_RANGES_AWAY = 2; // from the samples, in ranges of theirs, for a target to be drawn
const drawn = new Set(); // charts that stand on the page, each with its element

/** Both charts of a measurement, and its distribution in figures. */
function sampleCharts(at) {
  const samples = data.samples[at];
  const sorted = Float64Array.from(samples).sort();
  const made = element("div", "charts");
  const said = spread(at, sorted);
  const isNear = nearTarget(at, sorted).length > 0;
  made.append(
    chartKey(at, isNear),
    chart("Distribution", `Histogram of ${said}`, (size) => distribution(at, sorted, size)),
    chart("Round by round", `Rounds in order: ${said}`, (size) => rounds(at, samples, size)),
    element("p", "spread", said),
  );
  return made;
}

/** What the lines in the charts are, and of the target that it lies far outside. */
function chartKey(at, isNear) {
  const made = element("p", "key");
  made.append(element("span", "line", texts[measurements.statistic[at]]));
  const target = measurements.target[at];
  if (target !== null) made.append(element("span", isNear ? "line dashed" : "", isNear ? "target" : `target ${quantity(at, target)}, off the charts`));
  return made;
}

function spread(at, sorted) {
  const quantile = (share) => quantity(at, sorted[Math.round(share * (sorted.length - 1))]);
  const all = measurements.rounds[at];
  const thinned = all > sorted.length ? ` (${wholeNumber.format(sorted.length)} of them drawn)` : "";
  return `${wholeNumber.format(all)} rounds${thinned}: fastest ${quantile(0)}, quartiles ${quantile(0.25)} and `
    + `${quantile(0.75)}, slowest ${quantile(1)}`;
}

function chart(title, label, draw) {
  const made = element("figure", "chart");
  const canvas = element("div", "canvas");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label);
  made.append(element("figcaption", "", title), canvas);
  drawn.add({ canvas, draw, plot: null, isSeen: true });
  return made;
}

/** Charts that wait until they come near the screen: of thousands only these are drawn. */
const waiting = new WeakMap();
const nearTheScreen = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    waiting.get(target).isSeen = true;
    nearTheScreen.unobserve(target);
  }
  drawCharts();
}, { rootMargin: "300px 0px" });

/** Draw into this element once it is near the screen; what is given back holds the plot then. */
function drawWhenNear(canvas, draw) {
  const entry = { canvas, draw, plot: null, isSeen: false };
  drawn.add(entry);
  waiting.set(canvas, entry);
  nearTheScreen.observe(canvas);
  return entry;
}

/** Draw the charts that came to the page since, and forget those that left it. */
function drawCharts(again = false) {
  for (const entry of drawn) {
    if (!entry.canvas.isConnected) {
      entry.plot?.destroy();
      drawn.delete(entry);
    } else if (entry.isSeen && (again || entry.plot === null) && entry.canvas.clientWidth) {
      entry.plot?.destroy();
      const { options, columns } = entry.draw({ width: entry.canvas.clientWidth, height: CHART_HEIGHT });
      entry.plot = new uPlot(options, columns, entry.canvas);
    }
  }
}

/** The colours of the page as they are now: a canvas knows none of its variables. */
function colour(name) {
  const probe = element("span");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function distribution(at, sorted, size) {
  const { centres, counts, width } = bins(sorted);
  const bars = uPlot.paths.bars({ size: [0.86, Infinity], gap: 0 });
  const reach = [sorted[0], sorted.at(-1), measurements.value[at], ...nearTarget(at, sorted)];
  const options = base(size, {
    x: { time: false, range: () => [Math.min(...reach) - width, Math.max(...reach) + width] },
    y: { range: (_, __, most) => [0, most * 1.1] },
  });
  options.series = [{}, { fill: colour("bar"), paths: bars, points: { show: false } }];
  options.axes[0].values = (_, ticks) => ticks.map((tick) => figure(tick));
  options.axes[0].label = texts[measurements.unit[at]];
  options.axes[1].incrs = [1, 2, 5].flatMap((step) => [1, 10, 100, 1000].map((power) => step * power)).sort((a, b) => a - b);
  options.hooks = { draw: [(plot) => verticals(plot, at)] };
  return { options, columns: [centres, counts] };
}

/** As many bins as Freedman and Diaconis ask for: twice the quartiles' distance over the cube root of n. */
function bins(sorted) {
  const count = sorted.length;
  const range = sorted[count - 1] - sorted[0];
  const quartiles = sorted[Math.floor(0.75 * (count - 1))] - sorted[Math.floor(0.25 * (count - 1))];
  const wanted = quartiles > 0 ? Math.ceil(range / ((2 * quartiles) / Math.cbrt(count))) : 1;
  const binCount = Math.max(1, Math.min(MOST_BINS, wanted));
  const width = range / binCount || Math.abs(sorted[0]) * 0.01 || 1;
  const counts = new Array(binCount).fill(0);
  for (const sample of sorted) counts[Math.min(binCount - 1, Math.floor((sample - sorted[0]) / width))]++;
  return { counts, width, centres: counts.map((_, bin) => sorted[0] + (bin + 0.5) * width) };
}

/** The target where it would not squeeze the samples into a corner. */
function nearTarget(at, sorted) {
  const target = measurements.target[at];
  if (target === null) return [];
  const [least, most] = [sorted[0], sorted.at(-1)];
  const reach = MOST_RANGES_AWAY * (most - least);
  return target >= least - reach && target <= most + reach ? [target] : [];
}

function rounds(at, samples, size) {
  const numbers = samples.map((_, round) => round + 1);
  const values = [numbers, samples, samples.map(() => measurements.value[at])];
  const dot = { show: true, size: samples.length > 200 ? 3 : 5, fill: colour("bar"), width: 0 };
  const options = base(size, { x: { time: false }, y: {} });
  options.series = [
    {},
    { stroke: colour("bar"), width: 0, points: dot, paths: () => null },
    { stroke: colour("text"), width: 1, points: { show: false } },
  ];
  const near = nearTarget(at, Float64Array.from(samples).sort());
  if (near.length) {
    options.series.push({ stroke: colour("target"), width: 1.5, dash: [5, 4], points: { show: false } });
    values.push(samples.map(() => near[0]));
  }
  options.axes[0].values = (_, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? tick : ""));
  options.axes[0].label = "round";
  options.axes[1].values = (_, ticks) => ticks.map((tick) => figure(tick));
  return { options, columns: values };
}

function base(size, scales) {
  const axis = { stroke: colour("muted"), font: "12px system-ui, sans-serif", labelFont: "12px system-ui, sans-serif",
    labelSize: 18, grid: { stroke: colour("line"), width: 1 }, ticks: { show: false } };
  return {
    ...size,
    scales,
    legend: { show: false },
    cursor: { show: false },
    axes: [{ ...axis, size: 26, grid: { show: false } }, { ...axis, size: 52 }],
    padding: [8, 12, 0, 0],
  };
}

/** The median as a line, and the target as a dashed one. */
function verticals(plot, at) {
  const { ctx, bbox } = plot;
  const line = (value, stroke, dash) => {
    const x = Math.round(plot.valToPos(value, "x", true));
    if (value === null || x < bbox.left || x > bbox.left + bbox.width) return;
    ctx.save();
    ctx.beginPath();
    ctx.setLineDash(dash.map((length) => length * devicePixelRatio));
    ctx.lineWidth = 1.5 * devicePixelRatio;
    ctx.strokeStyle = stroke;
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.restore();
  };
  line(measurements.value[at], colour("text"), []);
  line(measurements.target[at], colour("target"), [5, 4]);
}
