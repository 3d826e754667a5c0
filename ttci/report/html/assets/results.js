// The results of a report: what happens when someone clicks, types, or follows a link that filters.
import { data, outcomes, results, texts, verdicts } from "./data.js";
import { around, control, controlOf, inner, isTyping, offer, offers, option, part } from "./elements.js";
import { chosenRows, FILTER_NAMES, FIRST, NOTHING, SORTS, state } from "./filters.js";
import { showAbout, showCounts, showNotes, showOverview, showTargets } from "./overview.js";
import { showRooflines } from "./roofline.js";
import { ROWS_A_PAGE, showHeads, showRows, toggle } from "./table.js";
import { inAddress, pageNumber, readAddress, startTheme, writeAddress } from "./theme.js";
import { distinct, OUTCOMES, VERDICTS } from "./words.js";

/** @import { FilterName, State } from "./filters.js" */

const form = part("filters", HTMLFormElement);
const CHOOSERS = /** @type {const} */ ([...FILTER_NAMES, "sort"]);
const WORST_IS_LARGEST = new Set(["against", "seconds"]); // these begin with the largest

function showChoices() {
  offer(control(form, "model"), distinct(data.pairs.map(({ model }) => model)));
  offer(control(form, "device"), distinct(data.pairs.map(({ device }) => device)));
  offer(control(form, "check"), distinct(Array.from(new Set(results.check), (position) => texts[position])));
  offer(control(form, "outcome"), outcomes, (outcome) => OUTCOMES[outcome].word);
  offer(control(form, "verdict"), verdicts, (verdict) => VERDICTS[verdict]);
  control(form, "sort").append(...Object.entries(SORTS).map(([value, word]) => option(value, word)));
}

/**
 * Show what the state asks for, in the table, the controls and the address.
 *
 * @param {Partial<State>} change
 */
function show(change) {
  Object.assign(state, { page: 0 }, change);
  const chosen = chosenRows();
  state.page = Math.max(0, Math.min(state.page, Math.ceil(chosen.length / ROWS_A_PAGE) - 1));
  showFilters();
  showHeads();
  showRows(chosen);
  writeAddress();
}

function showFilters() {
  for (const name of CHOOSERS) {
    const chooser = control(form, name);
    if (chooser.value !== state[name]) chooser.value = state[name];
  }
  for (const count of part("counts").querySelectorAll("button")) {
    count.setAttribute("aria-pressed", String(count.dataset.outcome === state.outcome));
  }
  for (const count of part("targets").querySelectorAll("button")) {
    count.setAttribute("aria-pressed", String(count.dataset.verdict === state.verdict));
  }
  part("reset").hidden = FILTER_NAMES.every((name) => state[name] === "");
}

/** What the address asks for; a name that no filter offers is no filter. */
function fromAddress() {
  const asked = { ...FIRST };
  for (const [name, value] of readAddress()) {
    const chooser = CHOOSERS.find((known) => known === name);
    if (chooser && (chooser === "search" || offers(control(form, chooser), value))) asked[chooser] = value;
    if (name === "descending") asked.descending = value === "true";
    if (name === "page") asked.page = pageNumber(value);
  }
  return asked;
}

/** @param {string} key */
function sortBy(key) {
  const descending = state.sort === key ? !state.descending : WORST_IS_LARGEST.has(key);
  show({ sort: key, descending });
  inner(part("heads"), `[data-sort="${key}"]`).focus();
}

/** @param {number} pages */
function turn(pages) {
  show({ page: state.page + pages });
  part("found").scrollIntoView({ block: "start" });
}

function listen() {
  form.addEventListener("input", changed);
  form.addEventListener("submit", (event) => event.preventDefault());
  part("reset").addEventListener("click", () => {
    show(NOTHING);
    control(form, "search").focus();
  });
  part("heads").addEventListener("click", (event) => {
    const key = around(event, "button")?.dataset.sort;
    if (key) sortBy(key);
  });
  part("previous").addEventListener("click", () => turn(-1));
  part("next").addEventListener("click", () => turn(1));
  part("counts").addEventListener("click", (event) => pressed(event, "outcome"));
  part("targets").addEventListener("click", (event) => pressed(event, "verdict"));
  part("overview").addEventListener("click", (event) => {
    const cell = around(event, ".cell");
    if (cell) show({ ...NOTHING, model: cell.dataset.model, device: cell.dataset.device });
  });
  part("rows").addEventListener("click", (event) => {
    const line = around(event, "tr.result");
    if (line && !String(getSelection())) toggle(line);
  });
  addEventListener("hashchange", () => show(fromAddress()));
  addEventListener("keydown", goToSearch);
  addEventListener("keydown", goToRow);
}

/** @param {Event} event */
function changed(event) {
  const { name, value } = controlOf(event);
  if (name === "sort") show({ sort: value, descending: WORST_IS_LARGEST.has(value) });
  else show({ [name]: value });
}

/**
 * A count was pressed: filter by it, or no longer.
 *
 * @param {Event} event
 * @param {FilterName} name
 */
function pressed(event, name) {
  const value = around(event, "button")?.dataset[name];
  if (value) show({ [name]: state[name] === value ? "" : value });
}

/**
 * A slash goes to the search.
 *
 * @param {KeyboardEvent} event
 */
function goToSearch(event) {
  if (event.key !== "/" || isTyping(event)) return;
  event.preventDefault();
  control(form, "search").focus();
}

/**
 * The arrows go from row to row.
 *
 * @param {KeyboardEvent} event
 */
function goToRow(event) {
  const from = around(event, "button.name");
  if (!from || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
  event.preventDefault();
  /** @type {NodeListOf<HTMLElement>} */
  const found = part("rows").querySelectorAll("button.name");
  const names = [...found];
  names[names.indexOf(from) + (event.key === "ArrowDown" ? 1 : -1)]?.focus();
}

export function startResults() {
  startTheme();
  showCounts();
  showTargets();
  showAbout();
  showNotes();
  showOverview();
  showRooflines();
  showChoices();
  listen();
  inAddress.push(() =>
    Object.entries(state).filter(([name, value]) => value !== FIRST[/** @type {keyof State} */ (name)]),
  );
  show(fromAddress());
}
