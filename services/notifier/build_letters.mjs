// Makes the HTML part of each letter from its MJML. Run by `npm run build:letters`; `make check` compares.
//
// `{{ }}` and `{% %}` of the templates are plain text to MJML: Jinja fills them in, escaped, at each mail.
// The first argument is the folder to write to; without one, beside the sources.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import mjml2html from "mjml";

const source = join(dirname(fileURLToPath(import.meta.url)), "templates");
const target = process.argv[2] ?? source;

const letters = readdirSync(source, { withFileTypes: true }).filter((entry) => entry.isDirectory());
for (const { name: letter } of letters) {
  const file = join(source, letter, "body.mjml");
  const { html, errors } = await mjml2html(readFileSync(file, "utf8"), {
    validationLevel: "strict",
    fonts: {}, // None from elsewhere: a mail loads nothing.
    minify: false,
    // What letters share lies beside their folders; nothing else is read.
    ignoreIncludes: false,
    filePath: file,
    includePath: source,
  });
  if (errors.length > 0) throw new Error(errors.map((error) => error.formattedMessage).join("\n"));
  if (/(src|href)=|url\(|@import/.test(html)) throw new Error(`${letter}: a mail loads nothing and links nowhere`);
  mkdirSync(join(target, letter), { recursive: true });
  writeFileSync(join(target, letter, "body.html"), `${html.replace(/[ \t]+$/gm, "").replace(/\n{2,}/g, "\n").trim()}\n`);
}
