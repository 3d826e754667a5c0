// Above the table: what was counted, what the run was, models against devices.
import {
  data,
  environmentOf,
  measurements,
  outcomes,
  pairName,
  pairOf,
  resultCount,
  results,
  verdicts,
} from "./data.js";
import { element, inner, part, showNoteList } from "./elements.js";
import { byName, OUTCOMES, VERDICTS, wholeNumber } from "./words.js";

/** @import { Outcome } from "./data.js" */
/** @typedef {(outcome: Outcome) => number} Counts */

/** @type {Outcome[]} */
const WORST_FIRST = ["failed", "error", "unavailable", "passed"];
const MOST_CELLS = 5000; // of models against devices: beyond, the filters find a pair sooner

/**
 * How often each number below `length` stands in a column.
 *
 * @param {number} length
 * @param {number[]} column
 */
function tally(length, column) {
  const counted = zeros(length);
  for (const value of column) counted[value]++;
  return counted;
}

/**
 * @param {number} length
 * @returns {number[]}
 */
function zeros(length) {
  return new Array(length).fill(0);
}

/**
 * @param {number[]} counted
 * @returns {Counts}
 */
function countsOf(counted) {
  return (outcome) => counted[outcomes.indexOf(outcome)];
}

export function showCounts() {
  const number = countsOf(tally(outcomes.length, results.outcome));
  part("counts").append(...WORST_FIRST.map((outcome) => countButton(outcome, number(outcome))));
}

/**
 * @param {Outcome} outcome
 * @param {number} number
 */
function countButton(outcome, number) {
  const made = element("button", "count");
  made.type = "button";
  made.dataset.outcome = outcome;
  made.classList.toggle("none", number === 0);
  const word = element("span", "word", OUTCOMES[outcome].word);
  made.append(element("span", "number", wholeNumber.format(number)), word);
  return made;
}

export function showTargets() {
  const counted = tally(verdicts.length, measurements.verdict);
  const made = verdicts.flatMap((verdict, position) => {
    if (!counted[position]) return [];
    const button = element("button", "target-count");
    button.type = "button";
    button.dataset.verdict = verdict;
    button.append(element("b", "", wholeNumber.format(counted[position])), ` ${VERDICTS[verdict]}`);
    return [button];
  });
  if (made.length) part("targets").append(element("span", "lead", "Targets"), ...made);
}

export function showAbout() {
  const pairs = new Set(data.pairs.map(pairName)).size;
  const commits = factsNamed("git_commit");
  const said = [`${wholeNumber.format(pairs)} ${pairs === 1 ? "pair" : "pairs"}`];
  if (commits.length === 1)
    said.push(`commit ${commits[0].slice(0, 10)}${onBranch(factsNamed("git_branch"))}`);
  if (commits.length > 1) said.push(`${commits.length} commits`);
  const started = data.pairs.flatMap((pair) => pair.started ?? []).sort();
  if (started.length) said.push(`run ${started[0].slice(0, 16).replace("T", " ")} UTC`);
  part("about").textContent = said.join(" · ");
}

/**
 * What the pairs' environments state by this name.
 *
 * @param {string} name
 */
function factsNamed(name) {
  const stated = data.pairs.map((pair) => environmentOf(pair)[name]).filter(Boolean);
  return [...new Set(stated.map(String))];
}

/** @param {string[]} branches */
function onBranch(branches) {
  return branches.length === 1 ? ` on ${branches[0]}` : "";
}

export function showNotes() {
  const notes = data.left_out.map(([pair, reason]) => `${pair} was not run: ${reason}`);
  const beyond = `${wholeNumber.format(data.not_shown)} more results are not on this page`;
  if (data.not_shown) notes.unshift(`${beyond}, which would be too large; report.json has them.`);
  const undrawn = `The errors of ${wholeNumber.format(data.error_maps_not_shown)} more checks are not drawn on this page`;
  if (data.error_maps_not_shown) notes.push(`${undrawn}, which would be too large; report.json has them.`);
  showNoteList("notes", notes);
}

/** Models down, devices across; a cell filters by both. */
export function showOverview() {
  const models = [...new Set(data.pairs.map(({ model }) => model))].sort(byName);
  const devices = [...new Set(data.pairs.map(({ device }) => device))].sort(byName);
  if (data.pairs.length < 2 || models.length * devices.length > MOST_CELLS) return;
  const overview = part("overview", HTMLDetailsElement);
  inner(overview, ".scroll").append(grid(models, devices));
  overview.hidden = false;
  overview.open = models.length <= 12;
}

/**
 * @param {string[]} models
 * @param {string[]} devices
 */
function grid(models, devices) {
  const counted = countedByPair();
  const table = element("table", "grid");
  const heads = devices.map((device) => scoped("col", device));
  table
    .createTHead()
    .insertRow()
    .append(element("td"), ...heads);
  const body = table.createTBody();
  for (const model of models) {
    const cells = devices.map((device) => gridCell(model, device, counted.get(pairName({ model, device }))));
    body.insertRow().append(scoped("row", model), ...cells.map((cell) => element("td", "", cell)));
  }
  return table;
}

/** How often each outcome was reached, by the pair's name. */
function countedByPair() {
  /** @type {Map<string, number[]>} */
  const counted = new Map();
  for (let row = 0; row < resultCount; row++) {
    const name = pairName(pairOf(row));
    const counts = counted.get(name) ?? zeros(outcomes.length);
    counts[results.outcome[row]]++;
    counted.set(name, counts);
  }
  return counted;
}

/**
 * @param {string} scope
 * @param {string} name
 */
function scoped(scope, name) {
  const made = element("th", "", name);
  made.scope = scope;
  return made;
}

/**
 * @param {string} model
 * @param {string} device
 * @param {number[]} [counted]
 */
function gridCell(model, device, counted) {
  if (!counted) return null;
  const made = element("button", "cell");
  made.type = "button";
  Object.assign(made.dataset, { model, device });
  const number = countsOf(counted);
  const many = wholeNumber.format;
  const said = outcomes.filter(number).map((outcome) => `${many(number(outcome))} ${outcome}`);
  made.title = said.join(", ");
  const all = counted.reduce((sum, count) => sum + count, 0);
  const bad = number("failed") + number("error");
  const word = bad ? `${many(bad)} of ${many(all)}` : many(all);
  made.setAttribute("aria-label", `${word}: ${model} on ${device}, ${made.title}`);
  made.append(element("span", bad ? "bad" : "", word), stacked(number));
  return made;
}

/**
 * The outcomes as parts of one thin bar.
 *
 * @param {Counts} number
 */
function stacked(number) {
  const stack = element("span", "stack");
  for (const outcome of WORST_FIRST.filter(number)) {
    const slice = element("span", "slice");
    slice.dataset.outcome = outcome;
    slice.style.flexGrow = String(number(outcome));
    stack.append(slice);
  }
  return stack;
}
