// The page of a report without a history.
import { startResults } from "./results.js";

startResults();
