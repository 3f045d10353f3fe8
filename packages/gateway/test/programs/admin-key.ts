/** Prints the admin key of the configuration that its argument names, as the gateway reads it at its start. */
import { prepareAdminKey } from '../../src/admin/admin-key.ts';
import { loadGatewayConfig } from '../../src/config/load-gateway-config.ts';
import { readSecretFile } from '../../src/config/read-secret-file.ts';

const { config } = loadGatewayConfig({ file: process.argv[2], env: {} });
process.stdout.write(readSecretFile(prepareAdminKey(config)));
