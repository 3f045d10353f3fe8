/** Prints the admin key of the configuration that its argument names, as the gateway reads it at its start. */
import { readAdminKey } from '../../src/admin/admin-key.ts';
import { loadGatewayConfig } from '../../src/config/load-gateway-config.ts';

const { config } = loadGatewayConfig({ file: process.argv[2], env: {} });
process.stdout.write(readAdminKey(config));
