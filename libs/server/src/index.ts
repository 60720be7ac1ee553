export { createServer, type ServerOptions } from './create-server.js';
export { ApiProblems } from './openapi.js';
export { ReadinessProbes, type ReadinessProbe } from './readiness-probes.js';
export { currentSignal, currentTraceparent } from './request-context.js';
