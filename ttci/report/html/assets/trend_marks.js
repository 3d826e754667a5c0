// What is painted into the chart of a series, from the back to the front.
import { colour } from "./charts.js";
import { sideOf } from "./trend_axis.js";
import { levels, runsOf, series, shortCommit, targetsOf, trends, versionChanges } from "./trend_data.js";

/** @import { Axis } from "./trend_axis.js" */
/** @typedef {[x: number, y: number]} Point On the canvas. */
/**
 * Where the chart stands on its canvas.
 *
 * @typedef {object} Pen
 * @property {CanvasRenderingContext2D} ctx
 * @property {uPlot.BBox} bbox
 * @property {number} scale Pixels of the canvas in a CSS pixel.
 * @property {(position: number) => number} x
 * @property {(value: number) => number} y
 * @property {(value: number) => number} side As `sideOf` the chart.
 */

const EDGE = 14; // CSS pixels from the edge of a chart to the mark of a run that lies beyond it
// Within a circle of radius 1.
export const SHAPES = [
  "M1,0A1,1 0 1 1 -1,0A1,1 0 1 1 1,0Z",
  "M-.9,-.9H.9V.9H-.9Z",
  "M0,-1.15L1.1,.8H-1.1Z",
  "M0,-1.25L1.25,0L0,1.25L-1.25,0Z",
  "M0,1.15L1.1,-.8H-1.1Z",
  "M-.4,-1.1H.4V-.4H1.1V.4H.4V1.1H-.4V.4H-1.1V-.4H-.4Z",
];
const shapePaths = SHAPES.map((shape) => new Path2D(shape));
const openRing = new Path2D("M.8,0A.8,.8 0 1 1 -.8,0A.8,.8 0 1 1 .8,0Z");

/**
 * @param {uPlot} plot
 * @param {number} at
 * @param {number[]} hosts Those that are told apart.
 * @param {Axis} axis
 */
export function drawTrend(plot, at, hosts, axis) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  /** @type {Pen} */
  const pen = {
    ctx,
    bbox,
    scale: devicePixelRatio,
    x: (position) => plot.valToPos(position, "x", true),
    y: (value) => plot.valToPos(value, "y", true),
    side: (value) => sideOf(axis, value),
  };
  drawVersionChanges(pen, at);
  drawSteps(pen, at);
  drawTargets(pen, at);
  drawThread(pen, at);
  drawLevels(pen, at);
  drawRuns(pen, at, hosts);
  ctx.restore();
}

/**
 * How high a run stands: at the edge, where it lies beyond the chart.
 *
 * @param {Pen} pen
 * @param {number} value
 */
function heightOf({ bbox, scale, y, side }, value) {
  if (side(value) > 0) return bbox.top + EDGE * scale;
  return side(value) < 0 ? bbox.top + bbox.height - EDGE * scale : y(value);
}

/**
 * @param {Pen} pen
 * @param {Point[]} points
 * @param {string} stroke
 * @param {number} width
 * @param {number[]} [dash]
 */
function strokeLine({ ctx, scale }, points, stroke, width, dash = []) {
  ctx.beginPath();
  ctx.setLineDash(dash.map((length) => length * scale));
  ctx.lineWidth = width * scale;
  ctx.strokeStyle = stroke;
  for (const [x, y] of points) ctx.lineTo(x, y);
  ctx.stroke();
  ctx.setLineDash([]);
}

/**
 * A line from top to bottom, between a run and the one before.
 *
 * @param {Pen} pen
 * @param {number} position
 * @param {string} stroke
 * @param {number} width
 * @param {number[]} dash
 */
function strokeBefore(pen, position, stroke, width, dash) {
  const { top, height } = pen.bbox;
  const x = Math.round(pen.x(position - 0.5));
  const ends = [top, top + height];
  strokeLine(
    pen,
    ends.map((y) => [x, y]),
    stroke,
    width,
    dash,
  );
  return x;
}

/**
 * @param {Pen} pen
 * @param {number} at
 */
function drawVersionChanges(pen, at) {
  const stroke = colour("strong-line");
  for (const position of versionChanges(at)) strokeBefore(pen, position, stroke, 1, [1, 4]);
}

/**
 * Where another level begins, with the commit that it begins at.
 *
 * @param {Pen} pen
 * @param {number} at
 */
function drawSteps(pen, at) {
  const stroke = colour("step");
  for (const position of series.steps[at]) {
    const x = strokeBefore(pen, position, stroke, 1.5, [6, 3]);
    writeBeside(pen, x, shortCommit(runsOf(at)[position]), stroke);
  }
}

/**
 * At the top, to the right of x; to its left where there is no room.
 *
 * @param {Pen} pen
 * @param {number} x
 * @param {string} text
 * @param {string} paint
 */
function writeBeside({ ctx, bbox, scale }, x, text, paint) {
  ctx.fillStyle = paint;
  ctx.font = `${11 * scale}px system-ui, sans-serif`;
  const isRight = x + (ctx.measureText(text).width + 8 * scale) < bbox.left + bbox.width;
  ctx.textAlign = isRight ? "left" : "right";
  ctx.textBaseline = "top";
  ctx.fillText(text, x + (isRight ? 4 : -4) * scale, bbox.top + 2 * scale);
}

/**
 * A step a change of the target; nothing where there was none.
 *
 * @param {Pen} pen
 * @param {number} at
 */
function drawTargets(pen, at) {
  const stroke = colour("target");
  const targets = targetsOf(at);
  let from = 0;
  for (let position = 1; position <= targets.length; position++) {
    const target = targets[from];
    if (targets[position] === target) continue;
    if (target !== null) strokeLevel(pen, from, position - 1, target, stroke, [5, 4]);
    from = position;
  }
}

/**
 * A level line over the runs from `first` to `last`.
 *
 * @param {Pen} pen
 * @param {number} first
 * @param {number} last
 * @param {number} value
 * @param {string} stroke
 * @param {number[]} [dash]
 */
function strokeLevel(pen, first, last, value, stroke, dash) {
  const y = pen.y(value);
  const ends = [pen.x(first - 0.5), pen.x(last + 0.5)];
  strokeLine(
    pen,
    ends.map((x) => [x, y]),
    stroke,
    1.5,
    dash,
  );
}

/**
 * From run to run, so that the eye finds the order.
 *
 * @param {Pen} pen
 * @param {number} at
 */
function drawThread(pen, at) {
  /** @type {Point[]} */
  const points = trends.values[at].map((value, position) => [pen.x(position), heightOf(pen, value)]);
  pen.ctx.globalAlpha = 0.35;
  strokeLine(pen, points, colour("strong-line"), 1);
  pen.ctx.globalAlpha = 1;
}

/**
 * @param {Pen} pen
 * @param {number} at
 */
function drawLevels(pen, at) {
  const stroke = colour("text");
  for (const [first, last, level] of levels(at)) strokeLevel(pen, first, last, level, stroke);
}

/**
 * @param {Pen} pen
 * @param {number} at
 * @param {number[]} hosts
 */
function drawRuns(pen, at, hosts) {
  const colours = hosts.map((_, rank) => colour(`host-${rank}`));
  const other = colour("muted");
  const last = trends.values[at].length - 1;
  for (const [position, run] of runsOf(at).entries()) {
    const rank = hosts.indexOf(trends.runs.host[run]);
    const isCurrent = series.has_current[at] && position === last;
    const value = trends.values[at][position];
    const [x, y] = [pen.x(position), heightOf(pen, value)];
    if (pen.side(value)) drawBeyond(pen, x, y, pen.side(value));
    if (isCurrent) drawRing(pen, x, y);
    drawMark(pen, x, y, rank, rank < 0 ? other : colours[rank], isCurrent ? 4.4 : last > 120 ? 2.6 : 3.4);
  }
}

/**
 * The other hosts' mark is open: they are not told apart.
 *
 * @param {Pen} pen
 * @param {number} x
 * @param {number} y
 * @param {number} rank
 * @param {string} paint
 * @param {number} radius
 */
function drawMark({ ctx, scale }, x, y, rank, paint, radius) {
  ctx.save();
  ctx.translate(x, y);
  ctx.scale(radius * scale, radius * scale);
  ctx.fillStyle = paint;
  ctx.strokeStyle = paint;
  ctx.lineWidth = 0.4;
  if (rank < 0) ctx.stroke(openRing);
  else ctx.fill(shapePaths[rank]);
  ctx.restore();
}

/**
 * A tip between a mark and the edge of the chart that its run lies beyond.
 *
 * @param {Pen} pen
 * @param {number} x
 * @param {number} y
 * @param {number} side
 */
function drawBeyond({ ctx, scale }, x, y, side) {
  ctx.beginPath();
  ctx.moveTo(x, y - side * 13 * scale);
  ctx.lineTo(x - 4.5 * scale, y - side * 8.5 * scale);
  ctx.lineTo(x + 4.5 * scale, y - side * 8.5 * scale);
  ctx.closePath();
  ctx.fillStyle = colour("text");
  ctx.fill();
}

/**
 * @param {Pen} pen
 * @param {number} x
 * @param {number} y
 */
function drawRing({ ctx, scale }, x, y) {
  ctx.beginPath();
  ctx.arc(x, y, 8 * scale, 0, 2 * Math.PI);
  ctx.fillStyle = colour("page");
  ctx.fill();
  ctx.lineWidth = 1.75 * scale;
  ctx.strokeStyle = colour("text");
  ctx.stroke();
}
