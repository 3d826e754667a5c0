// The page of two commits beside each other.
import { comparison, WORDS } from "./comparison_data.js";
import { comparedRow, notComparedRow, scaleText } from "./comparison_rows.js";
import { around, element, inner, part, showNoteList } from "./elements.js";
import { inAddress, readAddress, startTheme, writeAddress } from "./theme.js";
import { percent, wholeNumber } from "./words.js";

/** @import { Word } from "./comparison_data.js" */

const shown = { word: "" };

function showCounts() {
  const buttons = WORDS.map(({ word, title }) => {
    const number = comparison.figures.filter((figure) => figure.word === word).length;
    const made = element("button", "count");
    made.type = "button";
    made.dataset.word = word;
    made.classList.toggle("none", number === 0);
    made.append(element("span", "number", wholeNumber.format(number)), element("span", "word", title));
    return made;
  });
  part("counts").append(...buttons);
}

function showAbout() {
  part("said").textContent = comparison.said;
  part("scale").textContent = scaleText();
  if (!comparison.noise) return;
  const [median, most] = comparison.noise;
  const beyond = most > median ? `, ${percent(most)} at most` : "";
  const said = `Noise of the machine: from one pair of processes to the next a ratio varies by ${percent(median)}`;
  part("noise").textContent = said + beyond;
  part("noise").hidden = false;
}

/** Those of one word, or all. */
function showFigures() {
  const chosen = comparison.figures.filter(({ word }) => !shown.word || word === shown.word);
  fill("timed", chosen.filter((figure) => !figure.is_exact).map(comparedRow));
  fill("exact", chosen.filter((figure) => figure.is_exact).map(comparedRow));
  fill("not-compared", shown.word ? [] : comparison.not_compared.map(notComparedRow));
  for (const button of part("counts").querySelectorAll("button"))
    button.setAttribute("aria-pressed", String(button.dataset.word === shown.word));
}

/**
 * @param {string} section
 * @param {HTMLElement[]} rows
 */
function fill(section, rows) {
  part(section).hidden = rows.length === 0;
  inner(part(section), "ul").replaceChildren(...rows);
}

/** @param {Event} event */
function filterByWord(event) {
  const word = around(event, "button")?.dataset.word;
  if (!word) return;
  shown.word = shown.word === word ? "" : word;
  showFigures();
  writeAddress();
}

function readShown() {
  const stated = readAddress().get("word") ?? "";
  shown.word = WORDS.some(({ word }) => word === /** @type {Word} */ (stated)) ? stated : "";
}

inAddress.push(() => (shown.word ? [["word", shown.word]] : []));
part("counts").addEventListener("click", filterByWord);
startTheme();
readShown();
showCounts();
showAbout();
showNoteList("notes", comparison.notes);
showFigures();
