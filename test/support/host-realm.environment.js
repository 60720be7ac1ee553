import { TestEnvironment } from 'jest-environment-node';

// ONNX Runtime's addon allocates its output arrays in the host realm; inside jest's vm context `instanceof` fails
// unless both realms share these constructors.
const HOST_CONSTRUCTORS = [
  'Float32Array',
  'Float64Array',
  'Int8Array',
  'Int16Array',
  'Int32Array',
  'Uint8Array',
  'Uint16Array',
  'Uint32Array',
  'BigInt64Array',
  'BigUint64Array',
  'ArrayBuffer',
  'SharedArrayBuffer',
];

export default class HostRealmEnvironment extends TestEnvironment {
  constructor(config, context) {
    super(config, context);
    for (const name of HOST_CONSTRUCTORS) this.global[name] = globalThis[name];
  }
}
