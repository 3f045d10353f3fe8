export { adminKeyFile, readConfiguredAdminKey } from './admin/admin-key.ts';
export { askNodes, type NodeReport } from './config-check/ask-nodes.ts';
export { GatewayConfig } from './config/gateway-config.ts';
export {
  type GatewayConfigInput,
  type LoadedGatewayConfig,
  loadGatewayConfig,
} from './config/load-gateway-config.ts';
export { readNodeToken, secretWarnings } from './config/read-secret-file.ts';
export { ModelsConfig } from './config/models-config.ts';
export { type GatewayOptions, type RunningGateway, startGateway } from './gateway.ts';
