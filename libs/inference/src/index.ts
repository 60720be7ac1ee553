export { availableCpus } from './cpu-quota.js';
export type { Part } from './call-queue.js';
export { InferenceWorker, type InferenceWorkerOptions } from './inference-worker.js';
export { checkGpu, type GpuStep } from './gpu-check.js';
export type { ModelManifest } from './model-manifest.js';
export {
  ModelRegistry,
  inferenceWorkers,
  type InferenceEnv,
  type LoadedModel,
  type ModelEvent,
  type ModelState,
  type ModelStatus,
  type RefusedModel,
  type RegistryOptions,
} from './model-registry.js';
export type { LoadOptions, Provider, SessionInfo, TensorData, Tensors } from './ort-protocol.js';
export type { Answer, Handler } from './pool-protocol.js';
export { LANES, withRunOptions, type Lane, type RunOptions } from './run-options.js';
export { workerFile } from './worker-file.js';
export { WorkerPool, type WorkerPoolOptions } from './worker-pool.js';
