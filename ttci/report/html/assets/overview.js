// Above the table: what was counted, what the run was, models against devices.
const WORST_FIRST = ["failed", "error", "unavailable", "passed"];
const MOST_CELLS = 5000; // of models against devices: beyond, the filters find a pair sooner

function tally(length, column) {
  const counted = new Array(length).fill(0);
  for (const value of column) counted[value]++;
  return counted;
}

function showCounts() {
  const counted = tally(outcomes.length, results.outcome);
  part("counts").append(...WORST_FIRST.map((outcome) => {
    const made = element("button", "count");
    made.type = "button";
    made.dataset.outcome = outcome;
    const number = counted[outcomes.indexOf(outcome)];
    made.classList.toggle("none", number === 0);
    made.append(element("span", "number", wholeNumber.format(number)), element("span", "word", OUTCOMES[outcome].word));
    return made;
  }));
}

function showTargets() {
  const counted = tally(verdicts.length, measurements.verdict);
  const made = verdicts.filter((_, verdict) => counted[verdict]).map((verdict) => {
    const button = element("button", "target-count");
    button.type = "button";
    button.dataset.verdict = verdict;
    button.append(element("b", "", wholeNumber.format(counted[verdicts.indexOf(verdict)])), ` ${VERDICTS[verdict]}`);
    return button;
  });
  if (made.length) part("targets").append(element("span", "lead", "Targets"), ...made);
}

function showAbout() {
  const pairs = new Set(data.pairs.map(pairName)).size;
  const distinct = (name) => [...new Set(data.pairs.map((pair) => environmentOf(pair)[name]).filter(Boolean))];
  const commits = distinct("git_commit");
  const said = [`${wholeNumber.format(pairs)} ${pairs === 1 ? "pair" : "pairs"}`];
  if (commits.length === 1) said.push(`commit ${String(commits[0]).slice(0, 10)}${onBranch(distinct("git_branch"))}`);
  if (commits.length > 1) said.push(`${commits.length} commits`);
  const started = data.pairs.map((pair) => pair.started).filter(Boolean).sort();
  if (started.length) said.push(`run ${started[0].slice(0, 16).replace("T", " ")} UTC`);
  part("about").textContent = said.join(" · ");
}

function onBranch(branches) {
  return branches.length === 1 ? ` on ${branches[0]}` : "";
}

function showNotes() {
  const notes = data.left_out.map(([pair, reason]) => `${pair} was not run: ${reason}`);
  if (data.not_shown) notes.unshift(`${wholeNumber.format(data.not_shown)} more results are not on this page, which would be too large; report.json has them.`);
  showNoteList("notes", notes);
}

/** Models down, devices across; a cell filters by both. */
function showOverview() {
  const names = (of) => [...new Set(data.pairs.map((pair) => pair[of]))].sort(byName);
  const [models, devices] = [names("model"), names("device")];
  if (data.pairs.length < 2 || models.length * devices.length > MOST_CELLS) return;
  const counted = countedByPair();
  const table = element("table", "grid");
  table.createTHead().insertRow().append(element("td"), ...devices.map((device) => scoped("col", device)));
  const body = table.createTBody();
  for (const model of models) {
    const cells = devices.map((device) => element("td", "", gridCell(model, device, counted.get(pairName({ model, device })))));
    body.insertRow().append(scoped("row", model), ...cells);
  }
  part("overview").querySelector(".scroll").append(table);
  part("overview").hidden = false;
  part("overview").open = models.length <= 12;
}

/** How often each outcome was reached, by the pair's name. */
function countedByPair() {
  const counted = new Map();
  for (let row = 0; row < resultCount; row++) {
    const name = pairName(pairOf(row));
    if (!counted.has(name)) counted.set(name, new Array(outcomes.length).fill(0));
    counted.get(name)[results.outcome[row]]++;
  }
  return counted;
}

function scoped(scope, name) {
  const made = element("th", "", name);
  made.scope = scope;
  return made;
}

function gridCell(model, device, totals) {
  if (!totals) return null;
  const made = element("button", "cell");
  made.type = "button";
  Object.assign(made.dataset, { model, device });
  const number = (outcome) => totals[outcomes.indexOf(outcome)];
  const said = outcomes.filter(number).map((outcome) => `${wholeNumber.format(number(outcome))} ${outcome}`).join(", ");
  made.title = said;
  const all = totals.reduce((sum, counted) => sum + counted, 0);
  const bad = number("failed") + number("error");
  const word = bad ? `${wholeNumber.format(bad)} of ${wholeNumber.format(all)}` : wholeNumber.format(all);
  made.setAttribute("aria-label", `${word}: ${model} on ${device}, ${said}`);
  made.append(element("span", bad ? "bad" : "", word), stacked(number));
  return made;
}

/** The outcomes as parts of one thin bar. */
function stacked(number) {
  const stack = element("span", "stack");
  for (const outcome of WORST_FIRST.filter(number)) {
    const slice = element("span", "slice");
    slice.dataset.outcome = outcome;
    slice.style.flexGrow = number(outcome);
    stack.append(slice);
  }
  return stack;
}
