// The roofline of each board: what its DRAM and its matrix engines allow, and where each test stands.
import { base, colour, drawCharts, drawSoon } from "./charts.js";
import { data } from "./data.js";
import { element, part } from "./elements.js";
import { figure, percent, wholeNumber } from "./words.js";

/** @import { Chart, Size } from "./charts.js" */
/** @import { Roofline, RooflinePoint } from "./data.js" */
/** @typedef {{ intensity: number, limit: number, measured: number | null }} Mark In multiply-adds a second. */

const HEIGHT = 320; // CSS pixels
const NAME_WIDTH = 48; // of a math fidelity's name, in CSS pixels
const NAME_HEIGHT = 13;
const MOST_ROWS = 50;
const HEADS = ["Test", "Pair", "Measured", "Limit", "Reached"];

export function showRooflines() {
  if (!data.rooflines.length) return;
  const section = part("limits", HTMLDetailsElement);
  section.append(...data.rooflines.map(block));
  section.hidden = false;
  section.addEventListener("toggle", () => drawCharts());
}

/** @param {Roofline} roofline */
function block(roofline) {
  const made = element("figure", "roofline");
  const canvas = element("div", "canvas");
  const peaks = roofline.peaks.map(([name, peak]) => `${figure(peak / 1e12)} at ${name}`).join(", ");
  const said = `A chip of the ${roofline.board}: ${figure(roofline.bytes_per_s / 1e9)} GB/s of DRAM`;
  const engines = peaks ? `; 10¹² multiply-adds a second: ${peaks}` : "";
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `Roofline. ${said}${engines}; the table below has its points.`);
  const caption = element("figcaption", "", `${said}${engines} (${roofline.source})`);
  const marks = roofline.points.flatMap(markOf);
  made.append(caption);
  if (marks.length) {
    drawSoon(canvas, (size) => drawn(roofline, marks, size));
    made.append(canvas, key(marks));
  }
  made.append(table(roofline));
  return made;
}

/**
 * Where a test stands; nowhere, where it multiplies nothing or moves nothing.
 *
 * @param {RooflinePoint} point
 * @returns {Mark[]}
 */
function markOf({ bytes, multiply_adds: multiplyAdds, limit_ms: limitMs, measured_ms: measuredMs }) {
  if (!bytes || !multiplyAdds) return [];
  const measured = measuredMs === null ? null : (1000 * multiplyAdds) / measuredMs;
  return [{ intensity: multiplyAdds / bytes, limit: (1000 * multiplyAdds) / limitMs, measured }];
}

/** @param {Mark[]} marks */
function key(marks) {
  const made = element("p", "key");
  made.append(
    element("span", "line", "what the board allows"),
    element("span", "ring", "a test at its limit"),
  );
  if (marks.some(({ measured }) => measured !== null)) made.append(element("span", "dot", "as measured"));
  return made;
}

/** @param {Roofline} roofline */
function table({ board, points, not_shown: notShown }) {
  const scroll = element("div", "scroll");
  Object.assign(scroll, { tabIndex: 0, role: "region", ariaLabel: `Limits on the ${board}` });
  const made = element("table", "grid");
  const heads = made.createTHead().insertRow();
  for (const title of HEADS) {
    const head = element("th", "", title);
    head.scope = "col";
    heads.append(head);
  }
  const body = made.createTBody();
  for (const point of points.slice(0, MOST_ROWS)) {
    body.insertRow().append(...cells(point).map((cell) => element("td", "", cell)));
  }
  scroll.append(made);
  const left = notShown + Math.max(0, points.length - MOST_ROWS);
  if (left) scroll.append(element("p", "said", `and ${wholeNumber.format(left)} more in the results`));
  return scroll;
}

/**
 * @param {RooflinePoint} point
 * @returns {string[]}
 */
function cells({ test, pair, said, limit_ms: limitMs, measured_ms: measuredMs }) {
  const limit = said.replace("limit ", "");
  if (measuredMs === null) return [test, pair, "", limit, ""];
  return [test, pair, `${figure(measuredMs)} ms`, limit, percent(limitMs / measuredMs)];
}

/**
 * @param {Roofline} roofline
 * @param {Mark[]} marks
 * @param {Size} size
 * @returns {Chart}
 */
function drawn(roofline, marks, { width }) {
  const peaks = roofline.peaks.map(([, peak]) => peak);
  const ridges = peaks.map((peak) => peak / roofline.bytes_per_s);
  const across = reach([...marks.map(({ intensity }) => intensity), ...ridges], 2);
  const rates = marks.flatMap(({ limit, measured }) => (measured === null ? [limit] : [limit, measured]));
  const up = reach([...rates, ...peaks], 1.5);
  /** @type {uPlot.Scales} */
  const scales = {
    x: { time: false, distr: 3, range: () => across },
    y: { distr: 3, range: () => up },
  };
  const options = base({ width, height: HEIGHT }, scales, [
    {},
    { paths: () => null, points: { show: false } },
  ]);
  options.padding = [14, NAME_WIDTH, 0, 0];
  const [bottom, left] = options.axes;
  Object.assign(bottom, { size: 30, label: "multiply-adds a byte", values: labels(1) });
  Object.assign(left, { size: 58, label: "10¹² multiply-adds a second", values: labels(1e12) });
  bottom.splits = () => powersOfTen(across);
  left.splits = () => powersOfTen(up);
  for (const axis of options.axes) {
    axis.filter = (_, ticks) => ticks;
    axis.grid = { ...axis.grid, show: true };
  }
  options.hooks = { draw: [(plot) => drawMarks(plot, roofline, marks, across)] };
  return { options, columns: [across, up] };
}

/**
 * From the least to the most of these, and room around them.
 *
 * @param {number[]} values
 * @param {number} room A factor.
 * @returns {[number, number]}
 */
function reach(values, room) {
  return [Math.min(...values) / room, Math.max(...values) * room];
}

/**
 * Where lines and labels stand: between them there is no room.
 *
 * @param {[number, number]} range
 */
function powersOfTen([least, most]) {
  const found = [];
  for (let power = Math.ceil(Math.log10(least)); power <= Math.log10(most); power++) found.push(10 ** power);
  return found;
}

/**
 * @param {number} unit
 * @returns {(plot: uPlot, ticks: number[]) => string[]}
 */
function labels(unit) {
  return (_, ticks) => ticks.map((tick) => figure(Number((tick / unit).toPrecision(9))));
}

/**
 * @param {uPlot} plot
 * @param {Roofline} roofline
 * @param {Mark[]} marks
 * @param {[number, number]} across
 */
function drawMarks(plot, roofline, marks, across) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  for (const [, peak] of roofline.peaks) drawRoof(plot, roofline.bytes_per_s, peak, across);
  for (const mark of marks) drawMark(plot, mark);
  ctx.restore();
  drawNames(plot, roofline);
}

/**
 * The bandwidth's slope up to a peak, and the peak from there on.
 *
 * @param {uPlot} plot
 * @param {number} bytesPerS
 * @param {number} peak
 * @param {[number, number]} across
 */
function drawRoof(plot, bytesPerS, peak, [least, most]) {
  const { ctx } = plot;
  const corners = [least, peak / bytesPerS, most].map((at) => [at, Math.min(at * bytesPerS, peak)]);
  ctx.beginPath();
  for (const [intensity, rate] of corners) ctx.lineTo(...place(plot, intensity, rate));
  ctx.strokeStyle = colour("text");
  ctx.lineWidth = 1.5 * devicePixelRatio;
  ctx.stroke();
}

/**
 * The name of each peak at the end of its line, one below the other where lines are close.
 *
 * @param {uPlot} plot
 * @param {Roofline} roofline
 */
function drawNames({ ctx, bbox, valToPos }, { peaks }) {
  ctx.save();
  ctx.font = `${12 * devicePixelRatio}px system-ui, sans-serif`;
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  ctx.fillStyle = colour("muted");
  let above = -Infinity;
  for (const [name, peak] of [...peaks].sort(([, one], [, other]) => other - one)) {
    above = Math.max(valToPos(peak, "y", true), above + NAME_HEIGHT * devicePixelRatio);
    ctx.fillText(name, bbox.left + bbox.width + 6 * devicePixelRatio, above);
  }
  ctx.restore();
}

/**
 * A ring at the limit, and a dot where it was measured, with a line between.
 *
 * @param {uPlot} plot
 * @param {Mark} mark
 */
function drawMark(plot, { intensity, limit, measured }) {
  const { ctx } = plot;
  const at = place(plot, intensity, limit);
  ctx.strokeStyle = colour("improved");
  ctx.fillStyle = colour("improved");
  ctx.lineWidth = 1.5 * devicePixelRatio;
  if (measured !== null) {
    const below = place(plot, intensity, measured);
    ctx.beginPath();
    ctx.moveTo(...at);
    ctx.lineTo(...below);
    ctx.stroke();
    circle(ctx, below, 3.5);
    ctx.fill();
  }
  circle(ctx, at, 4.5);
  ctx.stroke();
}

/**
 * @param {CanvasRenderingContext2D} ctx
 * @param {[number, number]} centre
 * @param {number} radius In CSS pixels.
 */
function circle(ctx, [x, y], radius) {
  ctx.beginPath();
  ctx.arc(x, y, radius * devicePixelRatio, 0, 2 * Math.PI);
}

/**
 * @param {uPlot} plot
 * @param {number} intensity
 * @param {number} rate
 * @returns {[number, number]}
 */
function place(plot, intensity, rate) {
  return [plot.valToPos(intensity, "x", true), plot.valToPos(rate, "y", true)];
}
