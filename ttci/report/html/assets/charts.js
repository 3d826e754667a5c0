// Charts: drawn when they are seen, in the colours of the page.
/** @typedef {{ width: number, height: number }} Size */
/** @typedef {{ options: uPlot.Options, columns: uPlot.AlignedData }} Chart */
/** @typedef {(size: Size) => Chart} Draw */
/** @typedef {{ canvas: HTMLElement, draw: Draw, plot: uPlot | null, isSeen: boolean }} Entry */

const CHART_HEIGHT = 170; // CSS pixels
const FONT = "12px system-ui, sans-serif";
/** @type {Set<Entry>} */
const drawn = new Set(); // charts that stand on the page, each with its element

/** @type {WeakMap<Element, Entry>} */
const waiting = new WeakMap(); // charts that wait until they come near the screen: of thousands only these are drawn
const nearTheScreen = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      const entry = waiting.get(target);
      if (!isIntersecting || !entry) continue;
      entry.isSeen = true;
      nearTheScreen.unobserve(target);
    }
    drawCharts();
  },
  { rootMargin: "300px 0px" },
);

/**
 * Draw into this element with the next that is drawn.
 *
 * @param {HTMLElement} canvas
 * @param {Draw} draw
 */
export function drawSoon(canvas, draw) {
  drawn.add({ canvas, draw, plot: null, isSeen: true });
}

/**
 * Draw into this element once it is near the screen; what is given back holds the plot then.
 *
 * @param {HTMLElement} canvas
 * @param {Draw} draw
 */
export function drawWhenNear(canvas, draw) {
  /** @type {Entry} */
  const entry = { canvas, draw, plot: null, isSeen: false };
  drawn.add(entry);
  waiting.set(canvas, entry);
  nearTheScreen.observe(canvas);
  return entry;
}

/** Draw the charts that came to the page since, and forget those that left it. */
export function drawCharts(again = false) {
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

/**
 * A colour of the page as it is now: a canvas knows none of its variables.
 *
 * @param {string} name
 */
export function colour(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/**
 * What all charts have in common.
 *
 * @param {Size} size
 * @param {uPlot.Scales} scales
 * @param {uPlot.Series[]} series
 * @returns {uPlot.Options & { axes: [uPlot.Axis, uPlot.Axis] }}
 */
export function base(size, scales, series) {
  /** @type {uPlot.Axis} */
  const axis = {
    stroke: colour("muted"),
    font: FONT,
    labelFont: FONT,
    labelSize: 18,
    grid: { stroke: colour("line"), width: 1 },
    ticks: { show: false },
  };
  return {
    ...size,
    scales,
    series,
    legend: { show: false },
    cursor: { show: false },
    axes: [
      { ...axis, size: 26, grid: { show: false } },
      { ...axis, size: 52 },
    ],
    padding: [8, 12, 0, 0],
  };
}
