// The page of a whole history.
import { around, isTyping, part } from "./elements.js";
import { startTheme, writeAddress } from "./theme.js";
import { day, seriesCount, trends } from "./trend_data.js";
import { FIRST_TRENDS, trendState } from "./trend_filters.js";
import { showTrends, startTrends, trendControl } from "./trends.js";
import { wholeNumber } from "./words.js";

/** @param {Event} event */
function filterByDrift(event) {
  const drift = around(event, "button")?.dataset.drift;
  if (!drift) return;
  showTrends({ ...FIRST_TRENDS, drift: trendState.drift === drift ? "" : drift });
  writeAddress();
}

function showAboutHistory() {
  const { id, started } = trends.runs;
  const said = [`${wholeNumber.format(seriesCount)} series`, `${wholeNumber.format(new Set(id).size)} runs`];
  if (started.length) said.push(`${day(least(started))} to ${day(most(started))}`);
  part("about").prepend(`${said.join(" · ")} · `);
}

/**
 * As Math.min, which takes no list of any length.
 *
 * @param {number[]} numbers
 */
function least(numbers) {
  return numbers.reduce((one, other) => Math.min(one, other));
}

/** @param {number[]} numbers */
function most(numbers) {
  return numbers.reduce((one, other) => Math.max(one, other));
}

/** @param {KeyboardEvent} event */
function goToSearch(event) {
  if (event.key !== "/" || isTyping(event)) return;
  event.preventDefault();
  trendControl("search").focus();
}

part("drifts").addEventListener("click", filterByDrift);
addEventListener("keydown", goToSearch);
startTheme();
showAboutHistory();
startTrends();
