export { createServer, type ServerOptions } from './create-server.js';
export { ErrorForms, type ErrorForm } from './error-forms.js';
export { ApiProblems } from './openapi.js';
export { type Problem } from './problem.js';
export { ReadinessProbes, type ReadinessProbe } from './readiness-probes.js';
export { currentSignal, currentTraceparent } from './request-context.js';
