// The pictures of an output's error: where it is, how it is distributed, and value against reference.
import { base, colour, drawSoon } from "./charts.js";
import { element } from "./elements.js";
import { figure, wholeNumber } from "./words.js";

/** @import { Chart, Draw, Size } from "./charts.js" */
/**
 * @typedef {object} ErrorMap
 * @property {[rows: string, columns: string]} axes
 * @property {[rows: number, columns: number]} size Before they were pooled.
 * @property {(number | null)[][]} heat Null where it is not finite.
 * @property {number} spread Of the reference.
 * @property {number[]} edges
 * @property {number[]} counts
 * @property {[reference: number, output: number][]} pairs
 */

const HEAT_HEIGHT = 320; // CSS pixels
const HEIGHT = 240;

/** @param {ErrorMap} found */
export function errorPictures(found) {
  const [rows, columns] = found.axes;
  const size = `${wholeNumber.format(found.size[0])} ${rows} by ${wholeNumber.format(found.size[1])} ${columns}`;
  const most = figure(mostOf(found));
  const pooled = found.heat.length < found.size[0] || found.heat[0].length < found.size[1];
  const means = pooled ? "root mean square of each block" : "of each element";
  const where = `Where: ${size}, ${means}; the strongest is ${most}, and the reference spreads by ${figure(found.spread)}`;
  const made = element("div", "error-pictures");
  made.append(
    chart("heat", where, (at) => heat(found, at)),
    chart("histogram", "Distribution of the error, in elements", (at) => histogram(found, at)),
    chart("scatter", "Output against reference; the line is where they agree", (at) => scatter(found, at)),
  );
  return made;
}

/**
 * @param {string} className
 * @param {string} title
 * @param {Draw} draw
 */
function chart(className, title, draw) {
  const made = element("figure", `chart ${className}`);
  const canvas = element("div", "canvas");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", title);
  made.append(element("figcaption", "", title), canvas);
  drawSoon(canvas, draw);
  return made;
}

/** @param {ErrorMap} found */
function mostOf(found) {
  return found.heat.flat().reduce((/** @type {number} */ most, cell) => Math.max(most, cell ?? 0), 0);
}

/**
 * @param {ErrorMap} found
 * @param {Size} size
 * @returns {Chart}
 */
function heat(found, { width }) {
  const [rows, columns] = found.size;
  /** @type {uPlot.Scales} */
  const scales = {
    x: { time: false, range: () => [0, columns] },
    y: { dir: -1, range: () => [0, rows] },
  };
  const series = [{}, { paths: () => null, points: { show: false } }];
  const options = base({ width, height: HEAT_HEIGHT }, scales, series);
  const [across, down] = options.axes;
  [down.label, across.label] = found.axes;
  for (const axis of options.axes) {
    axis.grid = { show: false };
    axis.values = (_, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? wholeNumber.format(tick) : ""));
  }
  options.hooks = { draw: [(plot) => drawCells(plot, found)] };
  return {
    options,
    columns: [
      [0, columns],
      [0, rows],
    ],
  };
}

/**
 * The larger the error, the stronger the colour; what is not finite has a colour of its own.
 *
 * @param {uPlot} plot
 * @param {ErrorMap} found
 */
function drawCells({ ctx, bbox }, found) {
  const [down, across] = [found.heat.length, found.heat[0].length];
  const most = mostOf(found) || 1;
  const [wrong, infinite] = [colour("failed"), colour("error")];
  ctx.save();
  for (const [row, cells] of found.heat.entries()) {
    const top = Math.round(bbox.top + (row * bbox.height) / down);
    const bottom = Math.round(bbox.top + ((row + 1) * bbox.height) / down);
    for (const [column, value] of cells.entries()) {
      const left = Math.round(bbox.left + (column * bbox.width) / across);
      const right = Math.round(bbox.left + ((column + 1) * bbox.width) / across);
      ctx.globalAlpha = value === null ? 1 : value / most;
      ctx.fillStyle = value === null ? infinite : wrong;
      ctx.fillRect(left, top, right - left, bottom - top);
    }
  }
  ctx.restore();
}

/**
 * @param {ErrorMap} found
 * @param {Size} size
 * @returns {Chart}
 */
function histogram({ edges, counts }, { width }) {
  const centres = counts.map((_, bin) => (edges[bin] + edges[bin + 1]) / 2);
  const paths = uPlot.paths.bars?.({ size: [0.86, Infinity], gap: 0 });
  /** @type {uPlot.Scales} */
  const scales = {
    x: { time: false, range: () => [edges[0], edges[edges.length - 1]] },
    y: { range: (_, __, most) => [0, most * 1.1] },
  };
  const series = [{}, { fill: colour("bar"), paths, points: { show: false } }];
  const options = base({ width, height: HEIGHT }, scales, series);
  const [across, up] = options.axes;
  across.values = (_, ticks) => ticks.map((tick) => figure(tick));
  across.label = "output − reference";
  up.size = 70;
  return { options, columns: [centres, counts] };
}

/**
 * @param {ErrorMap} found
 * @param {Size} size
 * @returns {Chart}
 */
function scatter({ pairs }, { width }) {
  const sorted = [...pairs].sort(([one], [other]) => one - other);
  const references = sorted.map(([reference]) => reference);
  const outputs = sorted.map(([, output]) => output);
  /** @type {uPlot.Series[]} */
  const series = [
    {},
    { stroke: colour("muted"), width: 1, points: { show: false } },
    {
      stroke: colour("bar"),
      width: 0,
      paths: () => null,
      points: { show: true, size: 3, fill: colour("bar"), width: 0 },
    },
  ];
  const options = base({ width, height: HEIGHT }, { x: { time: false }, y: {} }, series);
  const [across, up] = options.axes;
  across.values = (_, ticks) => ticks.map((tick) => figure(tick));
  across.label = "reference";
  up.values = (_, ticks) => ticks.map((tick) => figure(tick));
  up.label = "output";
  return { options, columns: [references, references, outputs] };
}
