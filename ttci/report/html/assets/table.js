// The table: a page of rows, each of which opens.
import { capacityBar, ofCapacity, targetBar } from "./bars.js";
import { drawCharts } from "./charts.js";
import {
  measurements,
  outcomes,
  pairName,
  pairOf,
  resultCount,
  results,
  shownMeasurement,
  texts,
} from "./data.js";
import { details } from "./details.js";
import { element, inner, part } from "./elements.js";
import { state } from "./filters.js";
import { againstTarget, quantity } from "./measurements.js";
import { OUTCOMES, seconds, VERDICTS, wholeNumber } from "./words.js";

/** @typedef {{ key: string, title: string, cell: (row: number) => string | HTMLElement }} Column */

export const ROWS_A_PAGE = 50;
/** @type {Column[]} */
const COLUMNS = [
  { key: "severity", title: "Outcome", cell: outcomeBadge },
  { key: "test", title: "Test", cell: testCell },
  { key: "model", title: "Model", cell: (row) => pairOf(row).model },
  { key: "device", title: "Device", cell: (row) => pairOf(row).device },
  { key: "check", title: "Check", cell: (row) => texts[results.check[row]] },
  { key: "measured", title: "Measured", cell: measuredCell },
  { key: "against", title: "Against target", cell: againstCell },
  {
    key: "seconds",
    title: "Seconds",
    cell: (row) => (results.severity[row] ? seconds(results.seconds[row]) : ""),
  },
];
/**
 * What others add to the figure in a row.
 *
 * @type {((row: number, at: number) => HTMLElement | null)[]}
 */
export const besideFigure = [];
/** @type {Set<number>} */
const opened = new Set();

export function showHeads() {
  part("heads").replaceChildren(
    ...COLUMNS.map(({ key, title }) => {
      const cell = element("th", key);
      cell.setAttribute("role", "columnheader");
      cell.setAttribute("scope", "col");
      const direction = state.descending ? "descending" : "ascending";
      cell.setAttribute("aria-sort", state.sort === key ? direction : "none");
      const button = element("button", "", title);
      button.type = "button";
      button.dataset.sort = key;
      cell.append(button);
      return cell;
    }),
  );
}

/**
 * The page of these rows that the state names.
 *
 * @param {number[]} chosen
 */
export function showRows(chosen) {
  const from = state.page * ROWS_A_PAGE;
  const page = chosen.slice(from, from + ROWS_A_PAGE);
  const lines = page.flatMap((row) => (opened.has(row) ? [rowLine(row), detailLine(row)] : [rowLine(row)]));
  part("rows").replaceChildren(...lines);
  showPages(chosen.length, from, page.length);
  drawCharts();
}

/**
 * @param {number} all
 * @param {number} from
 * @param {number} count
 */
function showPages(all, from, count) {
  const many = wholeNumber.format;
  const of = all === resultCount ? "" : `${many(all)} of `;
  part("found").textContent = `${of}${many(resultCount)} results`;
  part("pages").hidden = all <= ROWS_A_PAGE;
  part("page").textContent = `${many(from + 1)}–${many(from + count)} of ${many(all)}`;
  part("previous", HTMLButtonElement).disabled = state.page === 0;
  part("next", HTMLButtonElement).disabled = from + count >= all;
}

/** @param {number} row */
function rowLine(row) {
  const line = element("tr", "result");
  line.setAttribute("role", "row");
  line.dataset.row = String(row);
  for (const { key, cell } of COLUMNS) {
    const made = element("td", key, cell(row));
    made.setAttribute("role", "cell");
    line.append(made);
  }
  line.classList.toggle("open", opened.has(row));
  return line;
}

/** @param {number} row */
function outcomeBadge(row) {
  const outcome = outcomes[results.outcome[row]];
  const badge = element("span", "badge");
  badge.dataset.outcome = outcome;
  const mark = element("span", "mark", OUTCOMES[outcome].mark);
  mark.setAttribute("aria-hidden", "true");
  badge.append(mark, element("span", "word", OUTCOMES[outcome].word));
  return badge;
}

/** @param {number} row */
function testCell(row) {
  const made = element("div", "test-cell");
  const button = element("button", "name", texts[results.test[row]] || "the whole pair");
  button.type = "button";
  button.setAttribute("aria-expanded", String(opened.has(row)));
  button.setAttribute("aria-controls", `details-${row}`);
  const where = [pairName(pairOf(row)), texts[results.check[row]]].filter(Boolean).join(" · ");
  made.append(button, element("span", "where", where));
  const message = texts[results.message[row]].trim();
  const isGood = outcomes[results.outcome[row]] === "passed";
  if (message && !isGood) made.append(element("span", "excerpt", excerpt(message)));
  return made;
}

/**
 * The line that says most: of a traceback the last one.
 *
 * @param {string} message
 */
function excerpt(message) {
  const lines = message.split("\n");
  return lines[0].startsWith("Traceback") ? lines[lines.length - 1] : lines[0];
}

/** @param {number} row */
function measuredCell(row) {
  const at = shownMeasurement[row];
  if (at < 0) return "";
  const made = element("span", "", quantity(at, measurements.value[at]));
  made.append(element("span", "statistic", texts[measurements.name[at]]));
  made.append(...besideFigure.map((more) => more(row, at)).filter((more) => more !== null));
  return made;
}

/** @param {number} row */
function againstCell(row) {
  const at = shownMeasurement[row];
  const limit = texts[results.limit[row]];
  if (at < 0) return limit && element("span", "said", limit);
  const hasTarget = measurements.target[at] !== null;
  const drawnBar = hasTarget ? targetBar(at) : capacityBar(at);
  if (!drawnBar && !hasTarget) {
    return element("span", "said", [VERDICTS["no-target"], limit].filter(Boolean).join(", "));
  }
  const made = element("div", "against-cell");
  if (drawnBar) made.append(drawnBar);
  const said = hasTarget ? againstTarget(at) : ofCapacity(at);
  made.append(element("span", "said", [said, limit].filter(Boolean).join(", ")));
  return made;
}

/** @param {number} row */
function detailLine(row) {
  const line = element("tr", "detail");
  line.id = `details-${row}`;
  line.setAttribute("role", "row");
  const cell = element("td", "", details(row));
  cell.setAttribute("role", "cell");
  cell.colSpan = COLUMNS.length;
  line.append(cell);
  return line;
}

/**
 * Open or close a row where it stands; the others are left alone.
 *
 * @param {HTMLElement} line
 */
export function toggle(line) {
  const row = Number(line.dataset.row);
  const opens = !opened.delete(row);
  if (opens) {
    opened.add(row);
    line.after(detailLine(row));
  } else {
    line.nextElementSibling?.remove();
  }
  line.classList.toggle("open", opens);
  inner(line, "button.name").setAttribute("aria-expanded", String(opens));
  drawCharts();
}
