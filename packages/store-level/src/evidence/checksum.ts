import CRC32C from "crc-32/crc32c.js";

const MASK_DELTA = 0xa282ead8;

/** LevelDB's checksum: CRC-32C, rotated and shifted, so that a checksum of data that contains checksums is a good one. */
export function maskedChecksum(bytes: Uint8Array): number {
  const crc = CRC32C.buf(bytes) >>> 0;
  return (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0;
}
