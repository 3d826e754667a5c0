// The chart of a series: its runs in order, each host with a mark of its own.
import { base, drawWhenNear } from "./charts.js";
import { element } from "./elements.js";
import { axisOf, isTargetDrawn, sideOf } from "./trend_axis.js";
import {
  dayOf,
  runsOf,
  runText,
  series,
  seriesQuantity,
  seriesText,
  shortCommit,
  targetsOf,
  trends,
  versionChanges,
} from "./trend_data.js";
import { drawTrend, SHAPES } from "./trend_marks.js";
import { figure, toSixDigits } from "./words.js";

/** @import { Chart, Entry, Size } from "./charts.js" */
/** @typedef {{ told: number[], others: number }} Hosts Those that are told apart, and how many more there are. */

const TREND_HEIGHT = 210; // CSS pixels
const MOST_HOSTS = 6; // that are told apart in one chart
const compactNumber = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 4 });
const OTHER_HOSTS = -1;

/**
 * The hosts of a series, that of the newest run first, then those with the most runs.
 *
 * @param {number} at
 * @returns {Hosts}
 */
function hostsOf(at) {
  const hosts = runsOf(at).map((run) => trends.runs.host[run]);
  /** @type {Map<number, number>} */
  const counted = new Map();
  for (const host of hosts) counted.set(host, (counted.get(host) ?? 0) + 1);
  counted.set(hosts[hosts.length - 1], Infinity);
  const ranked = [...counted].sort(([, one], [, other]) => other - one).map(([host]) => host);
  const told = ranked.length <= MOST_HOSTS ? ranked : ranked.slice(0, MOST_HOSTS - 1);
  return { told, others: ranked.length - told.length };
}

/**
 * Chart, what stands at the cursor, and what the marks are.
 *
 * @param {number} at
 */
export function trendFigure(at) {
  const made = element("figure", "trend");
  const canvas = element("div", "trend-canvas");
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "group");
  canvas.setAttribute("aria-label", `${trendSummary(at)}. The arrow keys go from run to run.`);
  const readout = element("p", "readout");
  const hosts = hostsOf(at);
  /** @param {number | null} position */
  const showRun = (position) => readout.replaceChildren(...runFacts(at, position));
  const entry = drawWhenNear(canvas, (size) => trendPlot(at, hosts, size, showRun));
  canvas.addEventListener("keydown", (event) => stepCursor(event, entry, at));
  canvas.addEventListener("blur", () => readout.removeAttribute("aria-live"));
  canvas.addEventListener("focus", () => readout.setAttribute("aria-live", "polite"));
  showRun(null);
  made.append(canvas, readout, trendKey(at, hosts));
  return made;
}

/** @param {number} at */
function trendSummary(at) {
  const values = trends.values[at];
  const reach = `from ${seriesQuantity(at, Math.min(...values))} to ${seriesQuantity(at, Math.max(...values))}`;
  const steps = series.steps[at].length;
  const changed = steps ? `, ${steps} change ${steps === 1 ? "point" : "points"}` : "";
  return `${seriesText("metric", at)} of ${values.length} runs, ${reach}${changed}`;
}

/**
 * One run in words; the newest where none is pointed at.
 *
 * @param {number} at
 * @param {number | null} position
 */
function runFacts(at, position) {
  const runs = runsOf(at);
  const place = position ?? runs.length - 1;
  const run = runs[place];
  const isCurrent = series.has_current[at] && place === runs.length - 1;
  const target = targetsOf(at)[place];
  const facts = [
    shortCommit(run) || "no commit",
    dayOf(run),
    runText("branch", run),
    runText("host", run),
    runText("versions", run),
    target === null ? "" : `target ${seriesQuantity(at, target)}`,
  ];
  const which = element("span", "which", isCurrent ? "this run" : `run ${place + 1} of ${runs.length}`);
  const head = element("b", "", seriesQuantity(at, trends.values[at][place]));
  return [which, head, ...facts.filter(Boolean).map((fact) => element("span", "", fact))];
}

/**
 * @param {KeyboardEvent} event
 * @param {Entry} entry
 * @param {number} at
 */
function stepCursor(event, { plot }, at) {
  const last = runsOf(at).length - 1;
  const from = plot?.cursor.idx ?? last;
  const to = new Map([
    ["ArrowLeft", from - 1],
    ["ArrowRight", from + 1],
    ["Home", 0],
    ["End", last],
  ]).get(event.key);
  if (!plot || to === undefined) return;
  event.preventDefault();
  plot.setCursor({ left: plot.valToPos(Math.max(0, Math.min(last, to)), "x"), top: 0 });
}

/**
 * What each mark of the chart is.
 *
 * @param {number} at
 * @param {Hosts} hosts
 */
function trendKey(at, { told, others }) {
  const made = element("p", "key trend-key");
  made.append(...told.map((host, rank) => hostKey(rank, trends.texts[host] || "unknown host")));
  if (others) made.append(hostKey(OTHER_HOSTS, `${others} other hosts`));
  made.append(element("span", "line level", "level"));
  if (series.steps[at].length) made.append(element("span", "line change", "change point"));
  made.append(...targetKey(at));
  const axis = axisOf(at);
  const beyond = trends.values[at].filter((value) => sideOf(axis, value)).length;
  if (beyond) made.append(element("span", "beyond", `${beyond} beyond the chart`));
  if (versionChanges(at).length) made.append(element("span", "line versions", "other versions"));
  if (series.has_current[at]) made.append(element("span", "ring", "this run"));
  return made;
}

/** @param {number} at */
function targetKey(at) {
  const target = targetsOf(at).at(-1) ?? null;
  if (target === null) return [];
  if (isTargetDrawn(at, target)) return [element("span", "line dashed", "target")];
  return [element("span", "", `target ${seriesQuantity(at, target)}, off the chart`)];
}

/**
 * @param {number} rank
 * @param {string} name
 */
function hostKey(rank, name) {
  const namespace = "http://www.w3.org/2000/svg";
  const image = document.createElementNS(namespace, "svg");
  image.setAttribute("viewBox", "-1.4 -1.4 2.8 2.8");
  image.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(namespace, "path");
  path.setAttribute("d", SHAPES[rank] ?? SHAPES[0]);
  image.append(path);
  const made = element("span", rank === OTHER_HOSTS ? "host host-others" : `host host-${rank}`);
  made.append(image, name);
  return made;
}

/**
 * @param {number} at
 * @param {Hosts} hosts
 * @param {Size} size
 * @param {(position: number | null) => void} showRun
 * @returns {Chart}
 */
function trendPlot(at, { told }, { width }, showRun) {
  const values = trends.values[at];
  const axis = axisOf(at);
  const margin = 0.5 + (12 * values.length) / width; // room for the ring around the newest run
  /** @type {uPlot.Scales} */
  const scales = {
    x: { time: false, range: () => [-margin, values.length - 1 + margin] },
    y: { range: () => axis },
  };
  const options = base({ width, height: TREND_HEIGHT }, scales, [
    {},
    { paths: () => null, points: { show: false } },
  ]);
  options.cursor = { show: true, y: false, points: { show: false }, drag: { x: false, y: false } };
  options.padding = [8, 26, 0, 0];
  const [across, up] = options.axes;
  const runs = runsOf(at);
  across.splits = () => labelledRuns(values.length, width);
  across.values = (_, positions) =>
    positions.map((position) => shortCommit(runs[position]) || dayOf(runs[position]));
  up.size = 58;
  up.values = (_, ticks) => ticks.map(tickText);
  options.hooks = {
    draw: [(plot) => drawTrend(plot, at, told, axis)],
    setCursor: [(plot) => showRun(plot.cursor.idx ?? null)],
  };
  return { options, columns: [values.map((_, position) => position), values] };
}

/** @param {number} tick */
function tickText(tick) {
  return Math.abs(tick) >= 1e6 ? compactNumber.format(tick) : figure(tick, toSixDigits);
}

/**
 * As many as have room for a commit below them, counted from the newest.
 *
 * @param {number} count
 * @param {number} width
 */
function labelledRuns(count, width) {
  const step = Math.max(1, Math.ceil(count / Math.max(1, Math.floor((width - 70) / 78))));
  const found = [];
  for (let position = count - 1; position >= 0; position -= step) found.unshift(position);
  return found;
}
