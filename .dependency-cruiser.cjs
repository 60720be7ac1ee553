// The dependency rules of docs/architecture.md, executable: `npm run lint` fails when one is broken.
const PURE = '^libs/(series|uncertainty|detectors|evaluation|promql)/';
const npm = (names) => `node_modules/(${names})`;

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'pure-libraries',
      comment: 'series, uncertainty, detectors, evaluation and promql know no framework, database, broker or runtime',
      severity: 'error',
      from: { path: PURE, pathNot: '\\.spec\\.ts$' },
      to: { path: npm('@nestjs|typeorm|pg|kafkajs|onnxruntime-node|fastify|pino|prom-client|rxjs') },
    },
    {
      name: 'pure-libraries-import-pure-libraries',
      severity: 'error',
      from: { path: PURE },
      to: { path: '^libs/', pathNot: PURE },
    },
    {
      name: 'libraries-never-import-apps',
      severity: 'error',
      from: { path: '^(libs|migrations)/' },
      to: { path: '^apps/' },
    },
    {
      name: 'a-library-is-entered-by-its-index',
      severity: 'error',
      from: { path: '^(?:apps|libs)/([^/]+)/' },
      to: { path: '^libs/([^/]+)/src/(?!index\\.ts$)', pathNot: '^libs/$1/' },
    },
    {
      name: 'only-the-worker-loads-onnx-runtime',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: '^libs/inference/src/ort-worker\\.ts$' },
      to: { path: npm('onnxruntime-node') },
    },
    {
      name: 'only-streaming-speaks-kafka',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: '^libs/streaming/' },
      to: { path: npm('kafkajs') },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|models)/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
