// The table: a page of rows, each of which opens.
const ROWS_A_PAGE = 50;
const COLUMNS = [
  { key: "severity", title: "Outcome", cell: (row) => outcomeBadge(outcomes[results.outcome[row]]) },
  { key: "test", title: "Test", cell: testCell },
  { key: "model", title: "Model", cell: (row) => pairOf(row).model },
  { key: "device", title: "Device", cell: (row) => pairOf(row).device },
  { key: "check", title: "Check", cell: (row) => texts[results.check[row]] },
  { key: "measured", title: "Measured", cell: measuredCell },
  { key: "against", title: "Against target", cell: againstCell },
  { key: "seconds", title: "Seconds", cell: (row) => (results.severity[row] ? seconds(results.seconds[row]) : "") },
];
const opened = new Set();
let chosen = [];

function showHeads() {
  part("heads").replaceChildren(...COLUMNS.map(({ key, title }) => {
    const cell = element("th", key);
    cell.setAttribute("role", "columnheader");
    cell.setAttribute("scope", "col");
    const is = state.sort === key;
    cell.setAttribute("aria-sort", is ? (state.descending ? "descending" : "ascending") : "none");
    const button = element("button", "", title);
    button.type = "button";
    button.dataset.sort = key;
    cell.append(button);
    return cell;
  }));
}

function showRows() {
  const from = state.page * ROWS_A_PAGE;
  const page = chosen.slice(from, from + ROWS_A_PAGE);
  part("rows").replaceChildren(...page.flatMap((row) => (opened.has(row) ? [rowLine(row), detailLine(row)] : [rowLine(row)])));
  showPages(from, page.length);
  drawCharts();
}

function showPages(from, count) {
  const many = (number) => wholeNumber.format(number);
  part("found").textContent = chosen.length === resultCount
    ? `${many(resultCount)} results` : `${many(chosen.length)} of ${many(resultCount)} results`;
  part("pages").hidden = chosen.length <= ROWS_A_PAGE;
  part("page").textContent = `${many(from + 1)}–${many(from + count)} of ${many(chosen.length)}`;
  part("previous").disabled = state.page === 0;
  part("next").disabled = from + count >= chosen.length;
}

function rowLine(row) {
  const line = element("tr", "result");
  line.setAttribute("role", "row");
  line.dataset.row = row;
  for (const { key, cell } of COLUMNS) {
    const made = element("td", key, cell(row));
    made.setAttribute("role", "cell");
    line.append(made);
  }
  line.classList.toggle("open", opened.has(row));
  return line;
}

function testCell(row) {
  const made = element("div", "test-cell");
  const button = element("button", "name", texts[results.test[row]] || "the whole pair");
  button.type = "button";
  button.setAttribute("aria-expanded", opened.has(row));
  button.setAttribute("aria-controls", `details-${row}`);
  made.append(button, element("span", "where", [pairName(pairOf(row)), texts[results.check[row]]].filter(Boolean).join(" · ")));
  const message = texts[results.message[row]].trim();
  if (message && outcomes[results.outcome[row]] !== "passed") made.append(element("span", "excerpt", excerpt(message)));
  return made;
}

/** The line that says most: of a traceback the last one. */
function excerpt(message) {
  const lines = message.split("\n");
  return lines[0].startsWith("Traceback") ? lines.at(-1) : lines[0];
}

function measuredCell(row) {
  const at = shownMeasurement[row];
  if (at < 0) return "";
  const made = element("span", "", quantity(at, measurements.value[at]));
  made.append(element("span", "statistic", texts[measurements.name[at]]));
  made.append(...besideFigure.map((more) => more(row, at)).filter(Boolean));
  return made;
}

function againstCell(row) {
  const at = shownMeasurement[row];
  if (at < 0) return "";
  const hasTarget = measurements.target[at] !== null;
  const drawnBar = hasTarget ? targetBar(at) : capacityBar(at);
  if (!drawnBar && !hasTarget) return element("span", "said", VERDICTS["no-target"]);
  const made = element("div", "against-cell");
  if (drawnBar) made.append(drawnBar);
  made.append(element("span", "said", hasTarget ? againstTarget(at) : ofCapacity(at)));
  return made;
}

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

/** Open or close a row where it stands; the others are left alone. */
function toggle(line) {
  const row = Number(line.dataset.row);
  const opens = !opened.delete(row);
  if (opens) {
    opened.add(row);
    line.after(detailLine(row));
  } else {
    line.nextElementSibling.remove();
  }
  line.classList.toggle("open", opens);
  line.querySelector("button.name").setAttribute("aria-expanded", opens);
  drawCharts();
}
