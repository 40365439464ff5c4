// Judges an AsyncAPI document by AsyncAPI's own parser, payloads in protobuf included.
//
// node deploy/events/judge.mjs docs/asyncapi.json: 0 where it finds nothing but what is listed here.
import { readFileSync } from "node:fs";
import parser from "@asyncapi/parser";
import { ProtoBuffSchemaParser } from "@asyncapi/protobuf-schema-parser";

const judge = new parser.Parser();
judge.registerSchemaParser(ProtoBuffSchemaParser());

const { document, diagnostics } = await judge.parse(readFileSync(process.argv[2], "utf8"));
for (const { code, path, message } of diagnostics) console.log(`${code} ${path.join("/")}: ${message}`);
console.log(`${document?.channels().length ?? 0} channels, ${document?.messages().length ?? 0} messages`);
process.exit(document === undefined || diagnostics.length > 0 ? 1 : 0);
