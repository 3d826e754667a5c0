// The rounds of a benchmark: how its samples are distributed, and how they came one after the other.
import { base, colour, drawSoon } from "./charts.js";
import { data, measurements, texts } from "./data.js";
import { element } from "./elements.js";
import { quantity } from "./measurements.js";
import { figure, wholeNumber } from "./words.js";

/** @import { Chart, Draw, Size } from "./charts.js" */

const MOST_BINS = 40;
const MOST_RANGES_AWAY = 2; // from the samples, in ranges of theirs, for a target to be drawn

/**
 * Both charts of a measurement, and its distribution in figures.
 *
 * @param {number} at
 */
export function sampleCharts(at) {
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

/**
 * What the lines in the charts are, and of the target that it lies far outside.
 *
 * @param {number} at
 * @param {boolean} isNear
 */
function chartKey(at, isNear) {
  const made = element("p", "key");
  made.append(element("span", "line", texts[measurements.statistic[at]]));
  const target = measurements.target[at];
  const said = isNear ? "target" : `target ${quantity(at, target)}, off the charts`;
  if (target !== null) made.append(element("span", isNear ? "line dashed" : "", said));
  return made;
}

/**
 * @param {number} at
 * @param {Float64Array} sorted
 */
function spread(at, sorted) {
  /** @param {number} share */
  const quantile = (share) => quantity(at, sorted[Math.round(share * (sorted.length - 1))]);
  const all = measurements.rounds[at];
  const thinned = all > sorted.length ? ` (${wholeNumber.format(sorted.length)} of them drawn)` : "";
  const quartiles = `quartiles ${quantile(0.25)} and ${quantile(0.75)}`;
  return `${wholeNumber.format(all)} rounds${thinned}: fastest ${quantile(0)}, ${quartiles}, slowest ${quantile(1)}`;
}

/**
 * @param {string} title
 * @param {string} label
 * @param {Draw} draw
 */
function chart(title, label, draw) {
  const made = element("figure", "chart");
  const canvas = element("div", "canvas");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label);
  made.append(element("figcaption", "", title), canvas);
  drawSoon(canvas, draw);
  return made;
}

/**
 * @param {number} at
 * @param {Float64Array} sorted
 * @param {Size} size
 * @returns {Chart}
 */
function distribution(at, sorted, size) {
  const { centres, counts, width } = bins(sorted);
  const paths = uPlot.paths.bars?.({ size: [0.86, Infinity], gap: 0 });
  const value = measurements.value[at];
  const reach = [...extremes(sorted), ...(value === null ? [] : [value]), ...nearTarget(at, sorted)];
  /** @type {uPlot.Scales} */
  const scales = {
    x: { time: false, range: () => [Math.min(...reach) - width, Math.max(...reach) + width] },
    y: { range: (_, __, most) => [0, most * 1.1] },
  };
  const options = base(size, scales, [{}, { fill: colour("bar"), paths, points: { show: false } }]);
  const [across, up] = options.axes;
  across.values = (_, ticks) => ticks.map((tick) => figure(tick));
  across.label = texts[measurements.unit[at]];
  up.incrs = [1, 10, 100, 1000].flatMap((power) => [power, 2 * power, 5 * power]);
  options.hooks = { draw: [(plot) => verticals(plot, at)] };
  return { options, columns: [centres, counts] };
}

/**
 * As many bins as Freedman and Diaconis ask for: twice the quartiles' distance over the cube root of n.
 *
 * @param {Float64Array} sorted
 */
function bins(sorted) {
  const count = sorted.length;
  const range = sorted[count - 1] - sorted[0];
  const quartiles = sorted[Math.floor(0.75 * (count - 1))] - sorted[Math.floor(0.25 * (count - 1))];
  const wanted = quartiles > 0 ? Math.ceil(range / ((2 * quartiles) / Math.cbrt(count))) : 1;
  const binCount = Math.max(1, Math.min(MOST_BINS, wanted));
  const width = range / binCount || Math.abs(sorted[0]) * 0.01 || 1;
  /** @type {number[]} */
  const counts = new Array(binCount).fill(0);
  for (const sample of sorted) counts[Math.min(binCount - 1, Math.floor((sample - sorted[0]) / width))]++;
  return { counts, width, centres: counts.map((_, bin) => sorted[0] + (bin + 0.5) * width) };
}

/** @param {Float64Array} sorted */
function extremes(sorted) {
  return [sorted[0], sorted[sorted.length - 1]];
}

/**
 * The target where it would not squeeze the samples into a corner.
 *
 * @param {number} at
 * @param {Float64Array} sorted
 */
function nearTarget(at, sorted) {
  const target = measurements.target[at];
  if (target === null) return [];
  const [least, most] = extremes(sorted);
  const reach = MOST_RANGES_AWAY * (most - least);
  return target >= least - reach && target <= most + reach ? [target] : [];
}

/**
 * @param {number} at
 * @param {number[]} samples
 * @param {Size} size
 * @returns {Chart}
 */
function rounds(at, samples, size) {
  const numbers = samples.map((_, round) => round + 1);
  const values = samples.map(() => measurements.value[at]);
  const targets = nearTarget(at, Float64Array.from(samples).sort()).map((target) =>
    samples.map(() => target),
  );
  const points = { show: true, size: samples.length > 200 ? 3 : 5, fill: colour("bar"), width: 0 };
  /** @type {uPlot.Series[]} */
  const series = [
    {},
    { stroke: colour("bar"), width: 0, points, paths: () => null },
    { stroke: colour("text"), width: 1, points: { show: false } },
    ...targets.map(() => ({ stroke: colour("target"), width: 1.5, dash: [5, 4], points: { show: false } })),
  ];
  const options = base(size, { x: { time: false }, y: {} }, series);
  const [across, up] = options.axes;
  across.values = (_, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? tick : ""));
  across.label = "round";
  up.values = (_, ticks) => ticks.map((tick) => figure(tick));
  return { options, columns: [numbers, samples, values, ...targets] };
}

/**
 * The median as a line, and the target as a dashed one.
 *
 * @param {uPlot} plot
 * @param {number} at
 */
function verticals(plot, at) {
  vertical(plot, measurements.value[at], colour("text"), []);
  vertical(plot, measurements.target[at], colour("target"), [5, 4]);
}

/**
 * @param {uPlot} plot
 * @param {number | null} value
 * @param {string} stroke
 * @param {number[]} dash
 */
function vertical(plot, value, stroke, dash) {
  if (value === null) return;
  const { ctx, bbox } = plot;
  const x = Math.round(plot.valToPos(value, "x", true));
  if (x < bbox.left || x > bbox.left + bbox.width) return;
  ctx.save();
  ctx.beginPath();
  ctx.setLineDash(dash.map((length) => length * devicePixelRatio));
  ctx.lineWidth = 1.5 * devicePixelRatio;
  ctx.strokeStyle = stroke;
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  ctx.restore();
}
