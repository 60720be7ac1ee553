import { readFileSync } from 'node:fs';
import { describeWithPython } from '../support/python-peer.js';
import { useRestProcess, type Json } from '../support/rest-process.js';

const rest = useRestProcess();
const { version: VERSION } = JSON.parse(readFileSync('models/ttm/base/manifest.json', 'utf8')) as { version: string };

/** Two daily waves of hours; the second is shorter and has a gap. */
const TARGET = [20, 30].map((level, row) =>
  Array.from({ length: 120 }, (_, i) =>
    row === 1 && (i < 20 || i === 60) ? null : level + Math.round(64 * Math.sin((i * Math.PI) / 12)) / 64,
  ),
);

interface Forecast {
  readonly mean: number[];
  readonly quantiles: Record<string, number[]>;
}
async function ours(): Promise<Forecast[]> {
  const series = TARGET.map((target, i) => ({ item_id: `#${i}`, freq: 'PT1H', start: '2000-01-01T00:00:00Z', target }));
  const question = { series, horizon: 3, model: 'ttm', levels: [0.1, 0.9] };
  return (await rest().post<{ forecasts: Forecast[] }>('/forecasts', question)).body.forecasts;
}
const means = (forecasts: readonly Forecast[]) => forecasts.map(({ mean }) => mean);
const quantiles = (forecasts: readonly Forecast[]) =>
  forecasts.map((forecast) => forecast.mean.map((_, step) => ['0.1', '0.9'].map((q) => forecast.quantiles[q]![step])));

const INFER = '/v2/models/ttm/infer';
const target = (overrides: Json = {}): Json => ({
  name: 'target',
  datatype: 'FP64',
  shape: [2, 120],
  data: TARGET,
  ...overrides,
});
const question = (overrides: Json = {}): Json => ({
  parameters: { horizon: 3, freq: 'PT1H', levels: '0.1,0.9' },
  inputs: [target()],
  ...overrides,
});

async function post(path: string, body: string | Uint8Array, headers: Record<string, string> = {}) {
  const response = await fetch(rest().url + path, { method: 'POST', body: body as BodyInit, headers });
  return { status: response.status, body: (await response.json()) as Json };
}
const infer = (body: Json, path = INFER) => post(path, JSON.stringify(body));

describe('the Open Inference Protocol in JSON', () => {
  const get = async (path: string) => {
    const response = await fetch(rest().url + path);
    return { status: response.status, body: (await response.json()) as Json };
  };

  it('says what the server and its models are', async () => {
    expect(await get('/v2')).toMatchObject({ status: 200, body: { name: 'tidecast' } });
    expect(await get('/v2/health/live')).toMatchObject({ status: 200, body: { live: true } });
    expect(await get('/v2/health/ready')).toMatchObject({ status: 200, body: { ready: true } });
    for (const path of ['ttm', 'ttm/base', 'ttm%2Fbase', 'auto', `ttm/base/versions/${VERSION}`]) {
      expect(await get(`/v2/models/${path}/ready`)).toMatchObject({ status: 200, body: { ready: true } });
      expect(await get(`/v2/models/${path}`)).toMatchObject({ status: 200, body: { platform: 'tidecast' } });
    }
    expect(await get('/v2/models/ttm/versions/7')).toMatchObject({
      status: 404,
      body: { error: expect.stringContaining(`version ${VERSION} only`) as string },
    });
    expect(await get('/v2/models/prophet/ready')).toMatchObject({
      status: 404,
      body: { error: expect.stringContaining('ttm/base') as string },
    });
    expect(await get('/v2/nothing')).toMatchObject({ status: 404, body: { error: expect.any(String) as string } });
  });

  it('forecasts, the numbers of POST /forecasts, whether data are nested or flat', async () => {
    const nested = await infer(question({ id: '42' }));
    const flat = await infer(question({ id: '42', inputs: [target({ data: TARGET.flat() })] }));

    const forecasts = await ours();
    expect(nested).toEqual({
      status: 200,
      body: {
        model_name: 'ttm',
        model_version: VERSION,
        id: '42',
        outputs: [
          { name: 'mean', datatype: 'FP64', shape: [2, 3], data: means(forecasts).flat() },
          { name: 'quantiles', datatype: 'FP64', shape: [2, 3, 2], data: quantiles(forecasts).flat(2) },
          { name: 'levels', datatype: 'FP64', shape: [2], data: [0.1, 0.9] },
        ],
      },
    });
    expect(flat).toEqual(nested);
  });

  it('takes one series as a vector, and gives the outputs that are named', async () => {
    const vector = target({ shape: [120], data: TARGET[0] });
    const { body } = await infer(
      question({ inputs: [vector], outputs: [{ name: 'mean' }] }),
      '/v2/models/ttm/base/infer',
    );

    expect(body['outputs']).toEqual([{ name: 'mean', datatype: 'FP64', shape: [1, 3], data: means(await ours())[0] }]);
  });

  it.each<[string, Json | string, number, RegExp]>([
    ['no JSON', '{', 400, /JSON part/],
    ['nothing', '', 400, /JSON part/],
    ['too deep a nesting', `{"inputs":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, 400, /nested deeper/],
    ['no inputs', question({ inputs: [] }), 400, /inputs/],
    ['an unknown input', question({ inputs: [target({ name: '<img>' })] }), 400, /no input.*img.*target, freq/],
    ['an input twice', question({ inputs: [target(), target()] }), 400, /given twice/],
    ['a shape that does not fit', question({ inputs: [target({ shape: [2, 119] })] }), 400, /needs 238.*240 values/],
    ['a shape of nothing', question({ inputs: [target({ shape: [0, 5], data: [] })] }), 400, /no elements/],
    ['a shape beyond all', question({ inputs: [target({ shape: [2 ** 40, 2 ** 40] })] }), 400, /too many elements/],
    ['three dimensions', question({ inputs: [target({ shape: [1, 2, 120] })] }), 400, /\[series, observations\]/],
    ['no data', question({ inputs: [target({ data: undefined })] }), 400, /data is missing/],
    ['texts for values', question({ inputs: [target({ shape: [1], data: ['1'] })] }), 400, /data\[0\].*null for a gap/],
    ['half precision', question({ inputs: [target({ datatype: 'FP16' })] }), 422, /FP16.*FP32/],
    ['gaps only', question({ inputs: [target({ shape: [1, 2], data: [null, null] })] }), 422, /#0 has no value/],
    ['no spacing', question({ parameters: { horizon: 1 } }), 400, /freq.*PT1H/],
    ['a wrong spacing', question({ parameters: { horizon: 1, freq: '__proto__' } }), 400, /__proto__/],
    ['no horizon', question({ parameters: { freq: 'h' } }), 400, /horizon/],
    ['a long horizon', question({ parameters: { freq: 'h', horizon: 1_001 } }), 400, /1000/],
    ['no level', question({ parameters: { freq: 'h', horizon: 1, levels: '' } }), 400, /level/],
    ['an unknown output', question({ outputs: [{ name: 'logits' }] }), 400, /no output "logits".*mean/],
    [
      'bytes that are not there',
      question({ inputs: [target({ data: undefined, parameters: { binary_data_size: 8 } })] }),
      400,
      /only 0 bytes are left/,
    ],
  ])('refuses %s in its own form', async (_, body, status, message) => {
    const answer = await post(INFER, typeof body === 'string' ? body : JSON.stringify(body));

    expect(answer.status).toBe(status);
    expect(answer.body).toEqual({ error: expect.stringMatching(message) as string });
  });

  it.each<[string, string, RegExp]>([
    ['beyond the body', '100000', /give the length/],
    ['no number', 'x', /give the length/],
    ['shorter than the JSON', '5', /JSON part/],
  ])('refuses a length of the JSON part that is %s', async (_, length, message) => {
    const answer = await post(INFER, JSON.stringify(question()), { 'inference-header-content-length': length });

    expect(answer).toEqual({ status: 400, body: { error: expect.stringMatching(message) as string } });
  });

  it('refuses bytes that belong to nobody, infinities, and bodies too large', async () => {
    const json = JSON.stringify(question());
    const length = { 'inference-header-content-length': String(json.length) };
    expect(await post(INFER, `${json}1234`, length)).toMatchObject({
      status: 400,
      body: { error: expect.stringMatching(/4 bytes.*no input/) as string },
    });

    const head = JSON.stringify(
      question({ inputs: [target({ shape: [1, 1], data: undefined, parameters: { binary_data_size: 8 } })] }),
    );
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(Number.POSITIVE_INFINITY);
    const body = Buffer.concat([Buffer.from(head), bytes]);
    expect(await post(INFER, body, { 'inference-header-content-length': String(head.length) })).toMatchObject({
      status: 400,
      body: { error: expect.stringMatching(/#0 is infinite at 0/) as string },
    });

    expect(await post(INFER, Buffer.alloc(2_000_001))).toMatchObject({
      status: 413,
      body: { error: expect.any(String) as string },
    });
  });
});

describeWithPython('the tritonclient of the Open Inference Protocol', (peer) => {
  beforeAll(() =>
    peer().run(`
import numpy as np
import tritonclient.http as triton
client = triton.InferenceServerClient("${rest().url.replace('http://', '')}")

def tensor(name, array, datatype, binary):
    made = triton.InferInput(name, list(array.shape), datatype)
    made.set_data_from_numpy(array, binary_data=binary)
    return made

target = np.array(${JSON.stringify(TARGET).replaceAll('null', 'np.nan')})

def ask(model="ttm", datatype="FP64", binary=True, binary_out=True, **more):
    kinds = {"FP64": np.float64, "FP32": np.float32}
    inputs = [
        tensor("target", target.astype(kinds[datatype]), datatype, binary),
        tensor("horizon", np.array([3], dtype=np.int64), "INT64", binary),
        tensor("freq", np.array([b"h"], dtype=object), "BYTES", binary),
        tensor("levels", np.array([0.1, 0.9]), "FP64", binary),
    ]
    outputs = [triton.InferRequestedOutput(name, binary_data=binary_out) for name in ("mean", "quantiles", "levels")]
    answer = client.infer(model, inputs, outputs=outputs, **more)
    return {name: answer.as_numpy(name) for name in ("mean", "quantiles", "levels")}
`),
  );

  interface Answer {
    readonly mean: number[][];
    readonly quantiles: number[][][];
    readonly levels: number[];
  }

  it('finds the server and its models', async () => {
    const found = await peer().run(`
result = {
    "live": client.is_server_live(), "ready": client.is_server_ready(), "server": client.get_server_metadata()["name"],
    "model": client.is_model_ready("ttm/base"), "none": client.is_model_ready("prophet"),
    "outputs": [one["name"] for one in client.get_model_metadata("ttm/base")["outputs"]],
    "version": client.get_model_metadata("ttm/base", "${VERSION}")["versions"],
    "states": [one["state"] for one in client.get_model_repository_index() if one["name"] == "ttm/base"],
}`);

    expect(found).toEqual({
      live: true,
      ready: true,
      server: 'tidecast',
      model: true,
      none: false,
      outputs: ['mean', 'quantiles', 'levels'],
      version: [VERSION],
      states: ['READY'],
    });
  });

  it.each([
    ['bytes both ways', 'binary=True, binary_out=True'],
    ['bytes in, JSON out', 'binary=True, binary_out=False'],
    ['single precision', 'datatype="FP32"'],
    ['two segments of a name', 'model="ttm/base"'],
    ['a version', `model="ttm/base", model_version="${VERSION}"`],
    ['gzip', 'request_compression_algorithm="gzip"'],
    [
      'deflate, and answers that may be compressed',
      'request_compression_algorithm="deflate", response_compression_algorithm="gzip"',
    ],
    ['an id', 'request_id="42"'],
  ])('forecasts, the numbers of POST /forecasts: %s', async (_, options) => {
    const answer = await peer().run<Answer>(`result = ask(${options})`);

    const forecasts = await ours();
    expect(answer).toEqual({ mean: means(forecasts), quantiles: quantiles(forecasts), levels: [0.1, 0.9] });
  });

  it('gets all outputs as bytes when it names none, and settings as parameters', async () => {
    const answer = await peer().run<Answer>(`
answer = client.infer("ttm", [tensor("target", target, "FP64", True)], parameters={"horizon": 3, "freq": "PT1H", "levels": "0.1,0.9"})
result = {name: answer.as_numpy(name) for name in ("mean", "quantiles", "levels")}`);

    expect(answer.mean).toEqual(means(await ours()));
    expect(answer.levels).toEqual([0.1, 0.9]);
  });

  it('is told what is wrong', async () => {
    expect(await peer().failure('ask(model="prophet")')).toMatch(
      /InferenceServerException: \[404\].*no model "prophet"/,
    );
    expect(await peer().failure('client.infer("ttm", [tensor("target", target, "FP64", True)])')).toMatch(
      /\[400\].*freq|\[400\].*horizon/,
    );
  });
});
