import { SSSNError, describe } from "@sssn/core";

/** Where a store is, taken apart. */
export interface StoreAddress {
  /** As it was given: it may hold a password. */
  readonly address: string;
  /** What stands before the first colon. */
  readonly kind: string;
  /** What stands between it and a question mark, with percent signs decoded. */
  readonly place: string;
  /** What stands behind the question mark. */
  readonly settings: ReadonlyMap<string, string>;
}

const KIND = /^([a-z][a-z0-9+.-]*):/i;

/** @throws SSSNError `invalid_argument`. An address may hold a password: no error repeats more of it than its kind. */
export function readAddress(address: unknown): StoreAddress {
  const [whole, kind] = (typeof address === "string" && KIND.exec(address)) || [];
  if (typeof address !== "string" || whole === undefined || kind === undefined)
    throw new SSSNError(
      "invalid_argument",
      `The address of a store begins with its kind, as in "memory:" or "level:./data", but this is ${typeof address === "string" ? "a text that does not" : describe(address)}.`,
    );
  const [place = "", ...settings] = address.slice(whole.length).split("?");
  return { address, kind: kind.toLowerCase(), place: decoded(place, kind), settings: new Map(new URLSearchParams(settings.join("?"))) };
}

function decoded(place: string, kind: string): string {
  try {
    return decodeURIComponent(place);
  } catch (cause) {
    throw new SSSNError("invalid_argument", `In the address of a store of the kind ${kind}, a percent sign stands for itself as %25.`, {
      cause,
    });
  }
}

/** @throws SSSNError `invalid_argument` for a setting that there is none of. */
export function refuseUnknownSettings({ kind, settings }: StoreAddress, known: readonly string[]): void {
  const stranger = [...settings.keys()].find((name) => !known.includes(name));
  if (stranger === undefined) return;
  const names = known.length === 0 ? "It has none." : `Its settings: ${known.join(", ")}.`;
  throw new SSSNError("invalid_argument", `The address of a ${kind}: store has no setting ${describe(stranger)}. ${names}`, {
    details: { setting: stranger },
  });
}
