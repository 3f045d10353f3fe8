/** Apart from the rest of the package, so that a daemon loads it when somebody asks for its document. */
export { gatewayOpenApi } from './gateway-operations.ts';
export { nodeOpenApi } from './node-operations.ts';
