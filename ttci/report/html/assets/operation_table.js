// The table of a debug run: an operation a row.
import { element, part } from "./elements.js";
import { run } from "./operations_data.js";

/** @import { ErrorFound, Operation } from "./operations_data.js" */

const SMALLEST = 1e-4; // of a relative error, where its bar begins
/** @type {[className: string, title: string][]} */
const HEADS = [
  ["number", ""],
  ["what", "Operation, and who calls it"],
  ["tensor-cell", "Inputs → output"],
  ["error-own", "Its own error"],
  ["error-so-far", "Error so far"],
  ["as-reference", "As in the reference"],
];

export function showOperations() {
  part("heads").append(...HEADS.map(head));
  part("rows").append(...run.operations.map(row));
  if (run.operations.length) return;
  part("rows").append(element("tr", "", element("td", "", "No operation was recorded.")));
}

/** @param {[string, string]} title */
function head([className, title]) {
  const made = element("th", className, title);
  made.scope = "col";
  return made;
}

/** @param {Operation} operation */
function row(operation) {
  const made = element("tr", operation.is_marked ? "operation marked" : "operation");
  const reference = element("td", "as-reference", operation.as_reference ?? "");
  if (operation.as_reference) reference.dataset.label = "As in the reference";
  made.append(
    element("td", "number", String(operation.number)),
    what(operation),
    tensors(operation),
    errorCell("error-own", "Its own error", operation.own),
    errorCell("error-so-far", "Error so far", operation.so_far),
    reference,
  );
  return made;
}

/** @param {Operation} operation */
function what({ name, place, settings, note }) {
  const made = element("td", "what");
  made.append(element("span", "operation-name", name));
  for (const text of [place, settings]) if (text) made.append(element("span", "muted", text));
  if (note) made.append(element("span", "note", note));
  return made;
}

/** @param {Operation} operation */
function tensors({ inputs, outputs }) {
  const made = element("td", "tensor-cell");
  made.append(...inputs.map((text) => element("span", "tensors", text)));
  made.append(...outputs.map((text) => element("span", "tensors", `→ ${text}`)));
  return made;
}

/**
 * @param {string} className
 * @param {string} label
 * @param {ErrorFound} error
 */
function errorCell(className, label, { said, relative }) {
  const made = element("td", className);
  made.dataset.label = label;
  made.append(element("span", "value", said));
  if (relative === null) return made;
  const bar = element("span", "against");
  const fill = element("span", "fill");
  fill.style.width = `${100 * shareOf(relative)}%`;
  bar.append(fill);
  made.append(bar);
  return made;
}

/**
 * On a logarithmic bar, from the smallest to 1.
 *
 * @param {number} relative
 */
function shareOf(relative) {
  const share = 1 - Math.log10(Math.max(relative, SMALLEST)) / Math.log10(SMALLEST);
  return Math.min(1, Math.max(0, share));
}
