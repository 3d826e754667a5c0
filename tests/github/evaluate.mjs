// Evaluate workflow expressions with GitHub's own library.
// stdin: {"expressions": [...], "context": {...}, "status": "success" | "failure" | "cancelled"}
// stdout: an array of what each is as a string, and whether it is true.
import { readFileSync } from "node:fs";
import { data, Evaluator, Lexer, Parser } from "@actions/expressions";
import { truthy } from "@actions/expressions/result";

function asData(value) {
  if (value === null) return new data.Null();
  if (typeof value === "string") return new data.StringData(value);
  if (typeof value === "number") return new data.NumberData(value);
  if (typeof value === "boolean") return new data.BooleanData(value);
  if (Array.isArray(value)) return new data.Array(...value.map(asData));
  return new data.Dictionary(...Object.entries(value).map(([key, inner]) => ({ key, value: asData(inner) })));
}

function statusFunctions(status) {
  const of = (name, isTrue) => ({ name, minArgs: 0, maxArgs: 0, call: () => new data.BooleanData(isTrue) });
  return [
    of("success", status === "success"),
    of("failure", status === "failure"),
    of("cancelled", status === "cancelled"),
    of("always", true),
  ];
}

const { expressions, context, status } = JSON.parse(readFileSync(0, "utf8"));
const functions = statusFunctions(status);
const byName = new Map(functions.map((each) => [each.name, each]));
const results = expressions.map((expression) => {
  const { tokens } = new Lexer(expression).lex();
  const parsed = new Parser(tokens, Object.keys(context), functions).parse();
  const value = new Evaluator(parsed, asData(context), byName).evaluate();
  const isNested = value.kind === data.Kind.Array || value.kind === data.Kind.Dictionary;
  return { text: isNested ? JSON.stringify(value, data.replacer) : value.coerceString(), true: truthy(value) };
});
process.stdout.write(JSON.stringify(results));
