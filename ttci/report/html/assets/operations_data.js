// What the page of a debug run shows. operations.py writes it.
import { part } from "./elements.js";

/** @import { ErrorMap } from "./error_charts.js" */

/**
 * @typedef {object} OperationsData
 * @property {string[]} findings
 * @property {string} said_of_output
 * @property {string | null} error What the call raised.
 * @property {string} message What the check says.
 * @property {Operation[]} operations
 * @property {ErrorMap | null} error_map
 */
/**
 * @typedef {object} Operation
 * @property {number} number
 * @property {string} name
 * @property {string | null} place
 * @property {string} settings
 * @property {string[]} inputs
 * @property {string[]} outputs
 * @property {ErrorFound} own
 * @property {ErrorFound} so_far
 * @property {string | null} as_reference
 * @property {string} note
 * @property {boolean} is_marked Whether a finding names it.
 */
/**
 * @typedef {object} ErrorFound
 * @property {string} said
 * @property {number | null} relative Null where there is none, or where it is not finite.
 */

/** @type {OperationsData} */
export const run = JSON.parse(part("data").textContent ?? "");
