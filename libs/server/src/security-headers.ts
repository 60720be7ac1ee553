import type { FastifyHelmetOptions } from '@fastify/helmet';

/**
 * Headers that keep a browser from doing with an answer what it is not for. Pages may load, ask and style from their own
 * origin alone; Swagger's page styles itself inline, and its icons are data. Transport security is the proxy's, as is TLS.
 */
export const SECURITY_HEADERS: FastifyHelmetOptions = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      'default-src': ["'self'"],
      'style-src': ["'self'", "'unsafe-inline'"],
      'img-src': ["'self'", 'data:'],
      'object-src': ["'none'"],
      'base-uri': ["'self'"],
      'form-action': ["'self'"],
      'frame-ancestors': ["'none'"],
    },
  },
  frameguard: { action: 'deny' },
  referrerPolicy: { policy: 'no-referrer' },
  strictTransportSecurity: false,
};
