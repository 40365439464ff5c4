// Builds what the pages load: one style sheet, the page's modules, NHS icons. Run by `npm run build:web`.
//
// Names carry a hash of the content, so that a new release is never mixed with a cached old one;
// `built.json` tells the templates which name is current. The Frutiger font is licensed to NHS
// bodies only and comes from another host, so its @font-face rules are cut out.
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = join(dirname(fileURLToPath(import.meta.url)), "static");
const source = join(here, "src");
const target = join(here, "dist");
const fresh = `${target}.new-${process.pid}`;
const nhsuk = dirname(createRequire(import.meta.url).resolve("nhsuk-frontend/package.json"));

function styleSheet() {
  const theirs = readFileSync(join(nhsuk, "dist/nhsuk/nhsuk-frontend.min.css"), "utf8");
  const css = theirs.replace(/@font-face\{[^}]*\}/g, "").replace(/\/\*# sourceMappingURL.*?\*\//g, "");
  if (/https?:/.test(css)) throw new Error("the style sheet would load from another host");
  const all = css + readFileSync(join(source, "app.css"), "utf8");
  const name = `page-${createHash("sha256").update(all).digest("hex").slice(0, 12)}.css`;
  writeFileSync(join(fresh, name), all);
  return name;
}

async function modules() {
  const result = await build({
    entryPoints: ["page.mjs", "passcode.mjs", "seal.mjs"].map((name) => join(source, name)),
    bundle: true,
    splitting: true,
    format: "esm",
    minify: true,
    target: "es2022",
    legalComments: "inline",
    entryNames: "[name]-[hash]",
    chunkNames: "chunk-[hash]",
    outdir: fresh,
    metafile: true,
    logLevel: "warning",
  });
  const entries = Object.entries(result.metafile.outputs).filter(([, output]) => output.entryPoint);
  return Object.fromEntries(entries.map(([path, output]) => [`${basename(output.entryPoint, ".mjs")}.js`, basename(path)]));
}

mkdirSync(fresh, { recursive: true });
cpSync(join(nhsuk, "dist/nhsuk/assets"), fresh, { recursive: true });
const built = { "page.css": styleSheet(), ...(await modules()) };
writeFileSync(join(fresh, "built.json"), `${JSON.stringify(built, null, 2)}\n`);
rmSync(target, { recursive: true, force: true });
renameSync(fresh, target);
console.log(`web pages: ${Object.values(built).join(" ")}`);
