import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { byText } from "../tree/order.js";
import { recogniseLicences } from "./known-licences.js";

/** A file that holds the text of a licence, or is called as if it did. */
export interface LicenceText {
  readonly file: string;
  /** Which licences were recognised in it. */
  readonly licences: readonly string[];
}

const NAMED_AS_LICENCE = /^(?:.*[-_.])?(?:licen[cs]es?|copying|unlicense)(?:[-_.].*)?$/i;
const CODE = /\.(?:[cm]?[jt]sx?|json|map|html?|css)$/i;
const READ_ME = /^readme(?:\.(?:md|markdown|txt|rst))?$/i;

/**
 * The licence texts of a package, by file. A read-me counts where no file is called a licence and it holds a text.
 *
 * @throws what reading the folder throws.
 */
export async function licenceTexts(folder: string): Promise<readonly LicenceText[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .sort(byText);
  const texts = await Promise.all(
    names.filter((name) => NAMED_AS_LICENCE.test(name) && !CODE.test(name)).map((name) => textIn(folder, name)),
  );
  if (texts.length > 0) return texts;
  const readMes = await Promise.all(names.filter((name) => READ_ME.test(name)).map((name) => textIn(folder, name)));
  return readMes.filter(({ licences }) => licences.length > 0);
}

async function textIn(folder: string, file: string): Promise<LicenceText> {
  return { file, licences: recogniseLicences(await readFile(join(folder, file), "utf8")) };
}
