const MAGIC = 0;
const HEADER_BYTES = 5;

/** Whether bytes begin as Confluent's serialisers write them: a zero, and the id of a schema in four bytes. */
export function isWireFormat(bytes: Buffer): boolean {
  return bytes[0] === MAGIC && bytes.length >= HEADER_BYTES;
}

/** Id of the schema of a record in wire format. */
export function schemaIdOf(bytes: Buffer): number {
  return bytes.readUInt32BE(1);
}

/** What follows the id. */
export function payloadOf(bytes: Buffer): Buffer {
  return bytes.subarray(HEADER_BYTES);
}
