export { AccessGuard } from './access.guard.js';
export { Access, type Caller } from './access.js';
export { PUBLIC_ROUTE, accessOf, admitRequests, currentAccess, type Doorkeeper } from './admission.js';
export { doorkeeper, type DoorOptions, type KeyVerifier } from './doorkeeper.js';
export { isLoopback } from './local-caller.js';
export { CurrentAccess, PublicAccess, RequireScope } from './require-scope.decorator.js';
export { SCOPES, type RequiredScope, type Scope } from './scope.js';
