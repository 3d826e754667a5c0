// The trends: filters, cards a page at a time, and what changed most.
import { drawCharts } from "./charts.js";
import {
  around,
  control,
  controlOf,
  element,
  inner,
  offer,
  offers,
  option,
  part,
  showNoteList,
} from "./elements.js";
import { inAddress, pageNumber, readAddress, writeAddress } from "./theme.js";
import { moverLine, trendCard } from "./trend_cards.js";
import { DRIFTS, hasMoved, SUSPECTED, series, seriesCount, trends } from "./trend_data.js";
import {
  FIRST_TRENDS,
  NO_TREND_FILTER,
  passingTrends,
  TREND_FILTERS,
  TREND_SORTS,
  trendState,
} from "./trend_filters.js";
import { distinct, wholeNumber } from "./words.js";

/** @import { TrendState } from "./trend_filters.js" */

const CARDS_A_PAGE = 20;
const MOST_MOVERS = 8;
const CHOOSERS = /** @type {const} */ ([...TREND_FILTERS, "sort"]);
const trendForm = part("trend-filters", HTMLFormElement);
/** @type {number[]} */
let chosenTrends = [];

/** @param {string} name */
export function trendControl(name) {
  return control(trendForm, `trend-${name}`);
}

/** The words of drift that were reached. */
function reachedDrifts() {
  return [...trends.drifts, SUSPECTED].filter((word) => trends.counts[word]);
}

function showTrendChoices() {
  offer(trendControl("pair"), distinct(textsOf(series.pair)));
  offer(trendControl("metric"), distinct(textsOf(series.metric)));
  offer(trendControl("drift"), reachedDrifts(), (word) => DRIFTS[word] ?? word);
  trendControl("sort").append(...Object.entries(TREND_SORTS).map(([value, { word }]) => option(value, word)));
}

/** @param {number[]} column */
function textsOf(column) {
  return Array.from(new Set(column), (position) => trends.texts[position]);
}

/**
 * Show what the state asks for.
 *
 * @param {Partial<TrendState>} change
 */
export function showTrends(change) {
  Object.assign(trendState, { page: 0 }, change);
  chosenTrends = passingTrends();
  trendState.page = Math.max(0, Math.min(trendState.page, Math.ceil(chosenTrends.length / CARDS_A_PAGE) - 1));
  showTrendFilters();
  const from = trendState.page * CARDS_A_PAGE;
  const page = chosenTrends.slice(from, from + CARDS_A_PAGE);
  part("cards").replaceChildren(...page.map(trendCard));
  showTrendPages(from, page.length);
  drawCharts();
}

function showTrendFilters() {
  for (const name of CHOOSERS) {
    const chooser = trendControl(name);
    if (chooser.value !== trendState[name]) chooser.value = trendState[name];
  }
  for (const button of part("drifts").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.dataset.drift === trendState.drift));
  }
  part("trend-reset").hidden = TREND_FILTERS.every((name) => trendState[name] === "");
}

/**
 * @param {number} from
 * @param {number} count
 */
function showTrendPages(from, count) {
  const many = wholeNumber.format;
  const all = chosenTrends.length;
  const of = all === seriesCount ? "" : `${many(all)} of `;
  part("trends-found").textContent = `${of}${many(seriesCount)} series`;
  part("trend-pages").hidden = all <= CARDS_A_PAGE;
  part("trend-page").textContent = `${many(from + 1)}–${many(from + count)} of ${many(all)}`;
  part("trend-previous", HTMLButtonElement).disabled = trendState.page === 0;
  part("trend-next", HTMLButtonElement).disabled = from + count >= all;
}

/** How often each word of drift was reached, each a filter. */
function showDriftCounts() {
  const buttons = reachedDrifts().map((word) => {
    const button = element("button", "drift-count");
    button.type = "button";
    button.dataset.drift = word;
    button.append(element("b", "", wholeNumber.format(trends.counts[word])), ` ${DRIFTS[word] ?? word}`);
    return button;
  });
  part("drifts").append(element("span", "lead", "History"), ...buttons);
}

/** What is to be said of the history itself, and what of it is not here. */
function showTrendNotes() {
  const many = wholeNumber.format;
  const { not_shown: beyond, cut, most_points: most } = trends;
  const notes = trends.notes.map((note) => `History ${trends.source}: ${note}`);
  if (beyond) notes.unshift(`${many(beyond)} more series are not on this page, which would be too large.`);
  if (cut) notes.push(`Of ${many(cut)} series only the newest ${most} runs are on this page.`);
  showNoteList("trend-notes", notes);
}

/** What changed most, for the worse first. */
function showMovers() {
  const moved = [];
  for (let at = 0; at < seriesCount && moved.length < MOST_MOVERS; at++) if (hasMoved(at)) moved.push(at);
  if (!moved.length) return;
  const most = Math.max(...moved.map((at) => Math.abs(series.change[at] ?? 0)));
  inner(part("movers"), "ol").append(...moved.map((at) => moverLine(at, most)));
  part("movers").hidden = false;
}

/**
 * Go to the card of a series, on whichever page it lies.
 *
 * @param {number} at
 */
export function reveal(at) {
  showTrends(FIRST_TRENDS);
  showTrends({ page: Math.floor(chosenTrends.indexOf(at) / CARDS_A_PAGE) });
  writeAddress();
  const card = part(`trend-${at}`);
  card.scrollIntoView({ block: "start" });
  card.focus({ preventScroll: true });
}

/** @param {number} pages */
function turnTrends(pages) {
  showTrends({ page: trendState.page + pages });
  writeAddress();
  part("trends-found").scrollIntoView({ block: "start" });
}

/** What the address asks for; a name that no filter offers is no filter. */
function trendsFromAddress() {
  const asked = { ...FIRST_TRENDS };
  for (const [stated, value] of readAddress()) {
    if (!stated.startsWith("trend-")) continue;
    const name = ownName(stated);
    const chooser = CHOOSERS.find((known) => known === name);
    if (chooser && (chooser === "search" || offers(trendControl(chooser), value))) asked[chooser] = value;
    if (name === "page") asked.page = pageNumber(value);
  }
  return asked;
}

/**
 * trend-pair → pair: a name in the address, or of a control.
 *
 * @param {string} stated
 */
function ownName(stated) {
  return stated.slice("trend-".length);
}

/** @param {Partial<TrendState>} change */
function changeTrends(change) {
  showTrends(change);
  writeAddress();
}

function listenToTrends() {
  trendForm.addEventListener("input", (event) => {
    const { name, value } = controlOf(event);
    changeTrends({ [ownName(name)]: value });
  });
  trendForm.addEventListener("submit", (event) => event.preventDefault());
  part("trend-reset").addEventListener("click", () => {
    changeTrends(NO_TREND_FILTER);
    trendControl("search").focus();
  });
  part("trend-previous").addEventListener("click", () => turnTrends(-1));
  part("trend-next").addEventListener("click", () => turnTrends(1));
  part("movers").addEventListener("click", (event) => {
    const line = around(event, ".mover");
    if (line) reveal(Number(line.dataset.series));
  });
  addEventListener("hashchange", () => showTrends(trendsFromAddress()));
}

/** The address is read here and written only once others have read it too. */
export function startTrends() {
  showDriftCounts();
  showTrendNotes();
  showMovers();
  showTrendChoices();
  listenToTrends();
  showTrends(trendsFromAddress());
  inAddress.push(changedTrends);
}

/**
 * What is not as it was at first, as the address states it.
 *
 * @returns {[name: string, value: unknown][]}
 */
function changedTrends() {
  const names = /** @type {(keyof TrendState)[]} */ (Object.keys(trendState));
  const changed = names.filter((name) => trendState[name] !== FIRST_TRENDS[name]);
  return changed.map((name) => [`trend-${name}`, trendState[name]]);
}
