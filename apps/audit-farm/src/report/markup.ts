/** A piece of HTML, in which everything that came from outside has been escaped. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What may stand in a template: text is escaped, lists are joined, `null` is nothing. */
export type Fillable = string | number | null | Markup | readonly Markup[];

/** A template of HTML. What a package says of itself can be anything: only {@link Markup} goes in as it is. */
export function html(texts: TemplateStringsArray, ...values: readonly Fillable[]): Markup {
  return new Markup(texts.map((text, index) => `${text}${index < values.length ? filled(values[index] ?? null) : ""}`).join(""));
}

function filled(value: Fillable): string {
  if (value === null) return "";
  if (value instanceof Markup) return value.text;
  if (typeof value === "object") return value.map(({ text }) => text).join("");
  return escaped(String(value));
}

const ENTITIES: ReadonlyMap<string, string> = new Map([
  ["&", "&amp;"],
  ["<", "&lt;"],
  [">", "&gt;"],
  ['"', "&quot;"],
  ["'", "&#39;"],
]);

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES.get(character) ?? character);
}
