import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';
import { PlatformError } from '@app/observability';
import type { FastifyInstance, FastifyRequest, RequestPayload } from 'fastify';
import { decompress as unzstd } from 'fzstd';

type Decoder = (body: Buffer, limit: number) => Promise<Uint8Array> | Uint8Array;

const [gzip, deflate, brotli] = [promisify(gunzip), promisify(inflate), promisify(brotliDecompress)];
const DECODERS: Readonly<Record<string, Decoder>> = {
  gzip: (body, limit) => gzip(body, { maxOutputLength: limit }),
  'x-gzip': (body, limit) => gzip(body, { maxOutputLength: limit }),
  deflate: (body, limit) => deflate(body, { maxOutputLength: limit }),
  br: (body, limit) => brotli(body, { maxOutputLength: limit }),
  zstd,
};
/** Left as they are, for handlers that take the encoded body: in its block format snappy has no streams. */
const UNTOUCHED = new Set(['identity', 'snappy']);

/**
 * Decodes compressed request bodies, so that handlers and parsers see what was meant. The limit holds for the body as it
 * came and for what it becomes; nothing larger is made of it.
 */
export function decodeBodies(fastify: FastifyInstance, limit: number): void {
  fastify.addHook('preParsing', async (request: FastifyRequest, _reply, payload) => {
    const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
    if (UNTOUCHED.has(encoding)) return payload;
    const decode = Object.hasOwn(DECODERS, encoding) ? DECODERS[encoding] : undefined;
    if (!decode) {
      const known = Object.keys(DECODERS).join(', ');
      const message = `content-encoding "${encoding}" is not understood; use one of ${known}, or none`;
      throw new PlatformError('UNSUPPORTED_MEDIA_TYPE', message);
    }
    const body = await read(payload, limit);
    const decoded: RequestPayload = Readable.from([await decodeOrRefuse(decode, encoding, body, limit)]);
    decoded.receivedEncodedLength = body.length;
    return decoded;
  });
}

async function read(payload: RequestPayload, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of payload as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > limit) throw tooLarge(limit);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

async function decodeOrRefuse(decode: Decoder, encoding: string, body: Buffer, limit: number): Promise<Buffer> {
  try {
    return Buffer.from(await decode(body, limit));
  } catch (error) {
    if (error instanceof PlatformError) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(limit);
    throw notDecodable(encoding, error);
  }
}

/**
 * One Zstandard frame that states its size (RFC 8878 §3.1.1.1), as everything writes that compresses in one go. Room for it is
 * made before, within the limit: without the size the decoder would make as much as the frame asks for.
 */
function zstd(body: Buffer, limit: number): Uint8Array {
  const header = zstdHeader(body);
  if (header === undefined || zstdBlocks(body, header.length) > MOST_BLOCKS + header.contentSize / SMALLEST_BLOCK) {
    const remedy = 'compress the whole body in one call, so that its size is stated, or send it as gzip or plain';
    throw new PlatformError('INVALID_REQUEST', `the body is no Zstandard frame that states its size; ${remedy}`);
  }
  if (header.contentSize > limit) throw tooLarge(limit);
  return unzstd(body, new Uint8Array(header.contentSize));
}

const ZSTD_MAGIC = 0xfd2fb528;
/** Compressors cut into larger blocks on the average. Of many small ones each costs tables of its own to read. */
const SMALLEST_BLOCK = 512;
const MOST_BLOCKS = 64;

/** How long the header of a frame is, and what it says that the content is, in bytes; undefined where it does not say. */
function zstdHeader(frame: Buffer): { length: number; contentSize: number } | undefined {
  if (frame.length < 6 || frame.readUInt32LE(0) !== ZSTD_MAGIC) return undefined;
  const descriptor = frame[4]!;
  const singleSegment = (descriptor >> 5) & 1;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3]!;
  const sizeBytes = [singleSegment, 2, 4, 8][descriptor >> 6]!;
  const at = 5 + (1 - singleSegment) + dictionaryBytes;
  const length = at + sizeBytes;
  if (sizeBytes === 0 || frame.length < length) return undefined;
  if (sizeBytes === 8) return { length, contentSize: Number(frame.readBigUInt64LE(at)) };
  // Two bytes begin counting where one ends.
  return { length, contentSize: frame.readUIntLE(at, sizeBytes) + (sizeBytes === 2 ? 256 : 0) };
}

/** Blocks of a frame whose header ends there; nothing is decoded. */
function zstdBlocks(frame: Buffer, at: number): number {
  let blocks = 0;
  for (let last = false; !last && at + 3 <= frame.length; blocks++) {
    const block = frame.readUIntLE(at, 3);
    last = (block & 1) === 1;
    const isRunLength = ((block >> 1) & 3) === 1;
    at += 3 + (isRunLength ? 1 : block >> 3);
  }
  return blocks;
}

function notDecodable(encoding: string, cause: unknown): PlatformError {
  const message = `the body is not valid ${encoding}, as its content-encoding says; send it whole, or without compression`;
  return new PlatformError('INVALID_REQUEST', message, {}, { cause });
}

function tooLarge(limit: number): PlatformError {
  const message = `the body is larger than ${limit} bytes, decoded or as it came; split the request`;
  return new PlatformError('PAYLOAD_TOO_LARGE', message);
}
