export { availableCpus, inferenceThreads } from './cpu-quota.js';
export type { Part } from './call-queue.js';
export { InferenceWorker, type InferenceWorkerOptions } from './inference-worker.js';
export type { LoadOptions, Provider, SessionInfo, TensorData, Tensors } from './ort-protocol.js';
export type { Answer, Handler } from './pool-protocol.js';
export { workerFile } from './worker-file.js';
export { WorkerPool, type WorkerPoolOptions } from './worker-pool.js';
