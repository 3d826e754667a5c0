// The page of a debug run: every operation of one call, and where its output is wrong.
import { drawCharts } from "./charts.js";
import { element, part } from "./elements.js";
import { errorPictures } from "./error_charts.js";
import { showOperations } from "./operation_table.js";
import { run } from "./operations_data.js";
import { startTheme } from "./theme.js";

function showFindings() {
  const said = [
    ...run.findings,
    run.said_of_output,
    run.error === null ? "" : `the call ended with ${run.error}`,
  ];
  part("findings").append(...said.filter(Boolean).map((text) => element("li", "", text)));
  if (!run.message) return;
  const folded = part("check-message");
  folded.hidden = false;
  folded.querySelector("pre")?.append(run.message);
}

function showPictures() {
  if (run.error_map === null) return;
  const section = part("pictures");
  section.append(errorPictures(run.error_map));
  section.hidden = false;
}

showFindings();
showOperations();
showPictures();
startTheme();
drawCharts();
