// The page of a report beside its history.
import { startReportTrends } from "./report_trends.js";
import { startResults } from "./results.js";

startReportTrends(); // the address is written only once they have read it
startResults();
