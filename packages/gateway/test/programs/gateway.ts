/** A gateway in a process of its own. Usage: gateway.ts CORTEX_TOML; prints its base URL. */
import { createLogger } from '@cortex/service';

import { loadGatewayConfig } from '../../src/config/load-gateway-config.ts';
import { startGateway } from '../../src/gateway.ts';

const gateway = await startGateway({
  ...loadGatewayConfig({ file: process.argv[2], env: {} }),
  log: createLogger({ name: 'cortex', level: 'warn' }),
});
process.stdout.write(`${gateway.apiUrl}\n`);
