// Reads queries, one JSON string a line, and answers each with one line: the errors of Salesforce's own grammar.
// It judges syntax only, and what its lexer cannot read it skips.
"use strict";

const { createInterface } = require("node:readline");
const { join } = require("node:path");

const modules = process.argv[2] || __dirname;
const { SOQLParser } = require(require.resolve("@salesforce/soql-common/lib/soql-parser", { paths: [join(modules)] }));

// The lexer reports to the console; those reports are no verdict.
console.error = () => {};

const parser = SOQLParser({ isApex: false, isMultiCurrencyEnabled: true, apiVersion: 55.0 });
const lines = createInterface({ input: process.stdin, crlfDelay: Infinity });
lines.on("line", (line) => {
  let errors;
  try {
    errors = parser
      .parseQuery(JSON.parse(line))
      .getParserErrors()
      .map((error) => `${error.getLineNumber()}:${error.getCharacterPositionInLine()} ${error.getMessage()}`);
  } catch (error) {
    errors = [`thrown: ${error.message}`];
  }
  process.stdout.write(JSON.stringify(errors) + "\n");
});
