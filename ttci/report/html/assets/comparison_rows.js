// A figure of two commits: its values, and its ratio as a bar against 1.
import { comparison, WORDS } from "./comparison_data.js";
import { element } from "./elements.js";
import { figure, percent, toFourDigits, toSixDigits } from "./words.js";

/** @import { ComparedFigure } from "./comparison_data.js" */

const LEAST_SCALE = 4; // of what does not matter, to either side of 1
const LARGEST_RATIO = 1.5; // what lies beyond is drawn at the edge
const toRatio = new Intl.NumberFormat("en", { minimumFractionDigits: 3, maximumFractionDigits: 3 });

/** The logarithm of the ratio at the right edge of every bar; 1 is in the middle. */
const edge = Math.min(
  Math.log(LARGEST_RATIO),
  Math.max(
    LEAST_SCALE * Math.log1p(comparison.same),
    1.1 * Math.max(0, ...comparison.figures.flatMap(extent)),
  ),
);

/** Which ratios the edges of a bar stand for. */
export function scaleText() {
  return `a bar goes from ${figure(Math.exp(-edge))} to ${figure(Math.exp(edge))}, 1 in the middle`;
}

/**
 * How far from 1 a figure that was timed lies at most, in logarithms.
 *
 * @param {ComparedFigure} compared
 */
function extent({ is_exact, low, high, ratio }) {
  const stated = is_exact ? [] : [low, high, ratio];
  return stated.flatMap((value) => (value ? [Math.abs(Math.log(value))] : []));
}

/**
 * Where a ratio stands in a bar, from 0 to 1; at an edge where it lies beyond.
 *
 * @param {number} ratio
 */
function placeOf(ratio) {
  const place = ratio > 0 ? Math.log(ratio) / edge : -1;
  return (1 + Math.max(-1, Math.min(1, place))) / 2;
}

/** @param {ComparedFigure} compared */
export function comparedRow(compared) {
  const { id, name, word, declared_at } = compared;
  const made = element("li", "figure");
  made.dataset.word = word;
  const [pair, test] = split(id);
  const what = element("div", "figure-name", test);
  what.append(element("span", "figure-where", [name, pair, declared_at].filter(Boolean).join(" · ")));
  const badge = element("span", "verdict-badge", WORDS.find((entry) => entry.word === word)?.title ?? word);
  badge.dataset.word = word;
  made.append(badge, what, ratioBar(compared), values(compared));
  return made;
}

/**
 * The pair of an identity, and what is left of it.
 *
 * @param {string} id
 */
function split(id) {
  const at = id.indexOf("/");
  return at < 0 ? ["", id] : [id.slice(0, at), id.slice(at + 1)];
}

/** @param {ComparedFigure} compared */
function values({ base, head, unit, ratio, is_exact, pairs, noise }) {
  const made = element("div", "figure-values");
  made.append(element("b", "", ratio === null ? "–" : `× ${toRatio.format(ratio)}`));
  const digits = unit === "1" ? toSixDigits : toFourDigits;
  const fromTo = `${figure(base, digits)} → ${figure(head, digits)}${unit === "1" ? "" : ` ${unit}`}`;
  made.append(element("span", "figure-from", fromTo));
  if (!is_exact) {
    const varies = noise ? `, noise ${percent(noise)}` : "";
    made.append(
      element("span", "figure-from", `${pairs} ${pairs === 1 ? "pair" : "pairs"} of processes${varies}`),
    );
  }
  return made;
}

/**
 * What does not matter as a band around 1, the interval as a line, and the ratio as a dot.
 *
 * @param {ComparedFigure} compared
 */
function ratioBar(compared) {
  const { ratio, low, high, between, word, is_exact } = compared;
  const made = element("div", "ratio");
  const drawn = element("span", "ratio-bar");
  drawn.dataset.word = word;
  drawn.setAttribute("role", "img");
  drawn.setAttribute(
    "aria-label",
    `head/base ${ratio === null ? "not known" : toRatio.format(ratio)}, ${between}`,
  );
  drawn.append(span("band", 1 / (1 + comparison.same), 1 + comparison.same), span("one", 1, 1));
  if (!is_exact && low !== null && high !== null) drawn.append(span("interval", low, high));
  if (ratio !== null) drawn.append(dot(ratio));
  made.append(drawn, element("span", "said", said(compared)));
  return made;
}

/** @param {ComparedFigure} compared */
function said({ low, high, is_exact, ratio }) {
  if (is_exact) return ratio === 1 ? "exactly the same" : "exactly";
  if (low === null || high === null) return "not known: too few pairs of processes";
  return `between ${toRatio.format(low)} and ${toRatio.format(high)}`;
}

/**
 * @param {string} className
 * @param {number} from
 * @param {number} to
 */
function span(className, from, to) {
  const made = element("span", className);
  made.style.left = `${100 * placeOf(from)}%`;
  made.style.right = `${100 * (1 - placeOf(to))}%`;
  return made;
}

/** @param {number} ratio */
function dot(ratio) {
  const place = placeOf(ratio);
  const isBeyond = ratio <= 0 || Math.abs(Math.log(ratio)) > edge;
  const made = element("span", isBeyond ? `dot beyond ${place > 0.5 ? "right" : "left"}` : "dot");
  made.style.left = `${100 * place}%`;
  return made;
}

/** @param {[id: string, why: string]} entry */
export function notComparedRow([id, why]) {
  const made = element("li", "absent");
  made.append(element("b", "", id), element("span", "", why));
  return made;
}
