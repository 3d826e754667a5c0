// What is painted into the chart of a series, from the back to the front.
const EDGE = 14; // CSS pixels from the edge of a chart to the mark of a run that lies beyond it

function drawTrend(plot, at, hosts, axis) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  const edge = EDGE * devicePixelRatio;
  const pen = {
    ctx, bbox, scale: devicePixelRatio,
    x: (position) => plot.valToPos(position, "x", true),
    y: (value) => plot.valToPos(value, "y", true),
    side: (value) => beyondChart(axis, value),
  };
  // A run beyond the chart stands at its edge.
  pen.run = (value) => [() => pen.y(value), () => bbox.top + edge, () => bbox.top + bbox.height - edge].at(pen.side(value))();
  drawVersionChanges(pen, at);
  drawSteps(pen, at);
  drawTargets(pen, at);
  drawThread(pen, at);
  drawLevels(pen, at);
  drawRuns(pen, at, hosts);
  ctx.restore();
}

function strokeLine(pen, points, stroke, width, dash = []) {
  const { ctx, scale } = pen;
  ctx.beginPath();
  ctx.setLineDash(dash.map((length) => length * scale));
  ctx.lineWidth = width * scale;
  ctx.strokeStyle = stroke;
  points.forEach(([x, y], position) => (position ? ctx.lineTo(x, y) : ctx.moveTo(x, y)));
  ctx.stroke();
  ctx.setLineDash([]);
}

/** A line from top to bottom, between a run and the one before. */
function strokeBefore(pen, position, stroke, width, dash) {
  const x = Math.round(pen.x(position - 0.5));
  strokeLine(pen, [[x, pen.bbox.top], [x, pen.bbox.top + pen.bbox.height]], stroke, width, dash);
  return x;
}

function drawVersionChanges(pen, at) {
  const stroke = colour("strong-line");
  for (const position of versionChanges(at)) strokeBefore(pen, position, stroke, 1, [1, 4]);
}

/** Where another level begins, with the commit that it begins at. */
function drawSteps(pen, at) {
  const stroke = colour("step");
  for (const position of series.steps[at]) {
    const x = strokeBefore(pen, position, stroke, 1.5, [6, 3]);
    pen.ctx.fillStyle = stroke;
    pen.ctx.font = `${11 * pen.scale}px system-ui, sans-serif`;
    const commit = shortCommit(runsOf(at)[position]);
    const isRight = x + (pen.ctx.measureText(commit).width + 8 * pen.scale) < pen.bbox.left + pen.bbox.width;
    pen.ctx.textAlign = isRight ? "left" : "right";
    pen.ctx.textBaseline = "top";
    pen.ctx.fillText(commit, x + (isRight ? 4 : -4) * pen.scale, pen.bbox.top + 2 * pen.scale);
  }
}

/** A step a change of the target; nothing where there was none. */
function drawTargets(pen, at) {
  const stroke = colour("target");
  const targets = targetsOf(at);
  let from = 0;
  for (let position = 1; position <= targets.length; position++) {
    if (targets[position] === targets[from]) continue;
    if (targets[from] !== null) {
      const y = pen.y(targets[from]);
      strokeLine(pen, [[pen.x(from - 0.5), y], [pen.x(position - 0.5), y]], stroke, 1.5, [5, 4]);
    }
    from = position;
  }
}

/** From run to run, so that the eye finds the order. */
function drawThread(pen, at) {
  pen.ctx.globalAlpha = 0.35;
  strokeLine(pen, trends.values[at].map((value, position) => [pen.x(position), pen.run(value)]), colour("strong-line"), 1);
  pen.ctx.globalAlpha = 1;
}

function drawLevels(pen, at) {
  const stroke = colour("text");
  for (const [first, last, level] of levels(at)) {
    strokeLine(pen, [[pen.x(first - 0.5), pen.y(level)], [pen.x(last + 0.5), pen.y(level)]], stroke, 1.5);
  }
}

function drawRuns(pen, at, { told }) {
  const colours = told.map((_, rank) => colour(`host-${rank}`));
  const other = colour("muted");
  const last = trends.values[at].length - 1;
  runsOf(at).forEach((run, position) => {
    const rank = told.indexOf(trends.runs.host[run]);
    const isCurrent = series.has_current[at] && position === last;
    const value = trends.values[at][position];
    const [x, y] = [pen.x(position), pen.run(value)];
    if (pen.side(value)) drawBeyond(pen, x, y, pen.side(value));
    if (isCurrent) drawRing(pen, x, y);
    drawMark(pen, x, y, rank, rank < 0 ? other : colours[rank], isCurrent ? 4.4 : last > 120 ? 2.6 : 3.4);
  });
}

/** The other hosts' mark is open: they are not told apart. */
function drawMark({ ctx, scale }, x, y, rank, paint, radius) {
  ctx.save();
  ctx.translate(x, y);
  ctx.scale(radius * scale, radius * scale);
  ctx.fillStyle = ctx.strokeStyle = paint;
  ctx.lineWidth = 0.4;
  if (rank < 0) ctx.stroke(openRing);
  else ctx.fill(shapePaths[rank]);
  ctx.restore();
}

/** A tip between a mark and the edge of the chart that its run lies beyond. */
function drawBeyond({ ctx, scale }, x, y, side) {
  ctx.beginPath();
  ctx.moveTo(x, y - side * 13 * scale);
  ctx.lineTo(x - 4.5 * scale, y - side * 8.5 * scale);
  ctx.lineTo(x + 4.5 * scale, y - side * 8.5 * scale);
  ctx.closePath();
  ctx.fillStyle = colour("text");
  ctx.fill();
}

function drawRing({ ctx, scale }, x, y) {
  ctx.beginPath();
  ctx.arc(x, y, 8 * scale, 0, 2 * Math.PI);
  ctx.fillStyle = colour("page");
  ctx.fill();
  ctx.lineWidth = 1.75 * scale;
  ctx.strokeStyle = colour("text");
  ctx.stroke();
}
