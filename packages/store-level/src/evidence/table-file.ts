import Snappy from "snappyjs";
import { maskedChecksum } from "./checksum.js";
import { readVarint } from "./varint.js";

const FOOTER_BYTES = 48;
const TRAILER_BYTES = 5;
const MAGIC = 0xdb4775248b80fb57n;
const SNAPPY = 1;

interface Block {
  readonly offset: number;
  readonly size: number;
}

/**
 * Checks every block of a LevelDB table against its checksum, which LevelDB itself does not do when it reads.
 *
 * @returns what is wrong, or `undefined`.
 */
export function tableDamage(table: Buffer): string | undefined {
  if (table.length < FOOTER_BYTES) return "it is cut short";
  const footer = table.subarray(table.length - FOOTER_BYTES);
  if (footer.readBigUInt64LE(FOOTER_BYTES - 8) !== MAGIC) return "its footer is damaged, or it is cut short";
  const directory = readBlock(footer, 0);
  const index = directory && readBlock(footer, directory.end);
  if (!directory || !index) return "its footer is damaged";
  const [directoryEntries, indexEntries] = [blocksIn(table, directory.block), blocksIn(table, index.block)];
  if (!directoryEntries || !indexEntries) return "its index is damaged";
  const bad = [...directoryEntries, ...indexEntries].find((block) => !isSound(table, block));
  return bad && `its block at byte ${bad.offset} does not fit its checksum`;
}

function readBlock(bytes: Buffer, at: number): { readonly block: Block; readonly end: number } | undefined {
  const offset = readVarint(bytes, at);
  const size = offset && readVarint(bytes, offset.end);
  return size && { block: { offset: offset.value, size: size.value }, end: size.end };
}

function isSound(table: Buffer, { offset, size }: Block): boolean {
  const end = offset + size + TRAILER_BYTES;
  return end <= table.length && maskedChecksum(table.subarray(offset, end - 4)) === table.readUInt32LE(end - 4);
}

/** The blocks that an index block names; `undefined` when it is damaged. */
function blocksIn(table: Buffer, index: Block): Block[] | undefined {
  if (!isSound(table, index)) return undefined;
  const stored = table.subarray(index.offset, index.offset + index.size);
  const content = table[index.offset + index.size] === SNAPPY ? Buffer.from(Snappy.uncompress(stored)) : stored;
  const restarts = content.readUInt32LE(content.length - 4);
  const end = content.length - 4 - restarts * 4;
  const blocks: Block[] = [];
  for (let at = 0; at < end;) {
    const shared = readVarint(content, at);
    const own = shared && readVarint(content, shared.end);
    const length = own && readVarint(content, own.end);
    const found = length && readBlock(content, length.end + own.value);
    if (!found) return undefined;
    blocks.push(found.block);
    at = length.end + own.value + length.value;
  }
  return blocks;
}
