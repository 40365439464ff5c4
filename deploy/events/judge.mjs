// Judges an AsyncAPI document by AsyncAPI's own parser, payloads in protobuf included.
//
// node deploy/events/judge.mjs docs/asyncapi.json: 0 where it finds nothing.
// node deploy/events/judge.mjs --each-wrong FILE...: 0 where it finds something in each.
import { readFileSync } from "node:fs";
import parser from "@asyncapi/parser";
import { ProtoBuffSchemaParser } from "@asyncapi/protobuf-schema-parser";

const judge = new parser.Parser();
judge.registerSchemaParser(ProtoBuffSchemaParser());

async function isRight(file) {
  const { document, diagnostics } = await judge.parse(readFileSync(file, "utf8"));
  for (const { code, path, message } of diagnostics) console.log(`${code} ${path.join("/")}: ${message}`);
  console.log(`${document?.channels().length ?? 0} channels, ${document?.messages().length ?? 0} messages`);
  return document !== undefined && diagnostics.length === 0;
}

const eachWrong = process.argv[2] === "--each-wrong";
const files = process.argv.slice(eachWrong ? 3 : 2);
const right = [];
for (const file of files) if (await isRight(file)) right.push(file);
process.exit(files.length > 0 && right.length === (eachWrong ? 0 : files.length) ? 0 : 1);
