export { ERROR_CODES, PlatformError, messageOf, type ErrorCode } from './error-codes.js';
export { LOGGER, createLogger, silentLogger, type Logger } from './logger.js';
export { metrics, metricsRegistry } from './metrics.js';
export { childTraceparent, parseTraceparent } from './tracing.js';
