// A series in words: its card, and its line among what changed most.
import { element } from "./elements.js";
import { trendFigure } from "./trend_chart.js";
import {
  appearance,
  currentValue,
  DRIFTS,
  fromTo,
  series,
  seriesQuantity,
  seriesText,
  trends,
  worsening,
} from "./trend_data.js";
import { percent, signedPercent } from "./words.js";

/**
 * Verdict and reason of a series beside its chart.
 *
 * @param {number} at
 */
export function trendCard(at) {
  const made = element("article", "card");
  made.id = `trend-${at}`;
  made.tabIndex = -1;
  const said = element("div", "card-said");
  const name = element("h3", "", seriesText("check", at));
  said.append(name, element("p", "card-where", whereOf(at)), ...verdictOf(at));
  made.append(said);
  if (trends.values[at].length) made.append(trendFigure(at));
  return made;
}

/** @param {number} at */
function whereOf(at) {
  return `${seriesText("pair", at)} · ${seriesText("metric", at)}`;
}

/**
 * The word of drift, the figure now and before, the reason, and what it is compared with.
 *
 * @param {number} at
 */
export function verdictOf(at) {
  const noise = series.noise[at];
  const compared = [
    seriesText("baseline", at),
    noise === null ? "" : `noise ${percent(Number(noise.toPrecision(2)))} a run`,
  ];
  return [
    element("p", "", driftBadge(at)),
    figuresOf(at),
    element("p", "card-reason", seriesText("reason", at)),
    element("p", "card-baseline", compared.filter(Boolean).join(" · ")),
  ];
}

/** @param {number} at */
function figuresOf(at) {
  const made = element("p", "card-value");
  const [level, change] = [series.level[at], series.change[at]];
  if (series.has_current[at]) {
    made.append(element("b", "", seriesQuantity(at, currentValue(at))), element("span", "", "this run"));
  }
  if (level !== null) made.append(element("span", "", `level ${fromTo(at) || seriesQuantity(at, level)}`));
  if (change !== null) made.append(element("span", "share", signedPercent(change)));
  return made;
}

/** @param {number} at */
function driftBadge(at) {
  const shown = appearance(at);
  const badge = element("span", "verdict-badge", DRIFTS[shown] ?? shown);
  badge.dataset.drift = shown;
  return badge;
}

/**
 * @param {number} at
 * @param {number} most The largest change of all that are listed.
 */
export function moverLine(at, most) {
  const made = element("li");
  const button = element("button", "mover");
  button.type = "button";
  button.dataset.series = String(at);
  const name = element("span", "mover-name", seriesText("check", at));
  name.append(element("span", "mover-where", whereOf(at)));
  const change = series.change[at];
  button.append(
    driftBadge(at),
    name,
    changeBar(at, most),
    element("span", "mover-change", change === null ? "" : signedPercent(change)),
    element("span", "mover-from", fromTo(at)),
  );
  made.append(button);
  return made;
}

/**
 * From the middle to the right for the worse, to the left for the better.
 *
 * @param {number} at
 * @param {number} most
 */
function changeBar(at, most) {
  const made = element("span", "change-bar");
  made.setAttribute("aria-hidden", "true");
  const worse = worsening(at) ?? 0;
  const bar = element("span", worse >= 0 ? "worse" : "better");
  bar.style.width = `${(50 * Math.abs(worse)) / (most || 1)}%`;
  bar.dataset.drift = appearance(at);
  made.append(bar);
  return made;
}
