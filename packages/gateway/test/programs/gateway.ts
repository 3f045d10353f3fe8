/**
 * A gateway in its own process. Usage: gateway.ts CORTEX_TOML. Prints its base URL; for each line on stdin it
 * prints the
 * longest turn of its event loop so far, in milliseconds of CPU time.
 */
import { readFileSync } from 'node:fs';

import { createLogger } from '@cortex/service';

import { loadGatewayConfig } from '../../src/config/load-gateway-config.ts';
import { startGateway } from '../../src/gateway.ts';

const gateway = await startGateway({
  ...loadGatewayConfig({ file: process.argv[2], env: {} }),
  log: createLogger({ name: 'cortex', level: 'warn' }),
});
process.stdout.write(`${gateway.apiUrl}\n`);

/** CPU time of the main thread, ms. Unlike the clock it does not count the time that other programs take. */
const mainThreadMs = (): number =>
  Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;

let turnBeganMs = mainThreadMs();
let longestTurnMs = 0;
setInterval(() => {
  const nowMs = mainThreadMs();
  longestTurnMs = Math.max(longestTurnMs, nowMs - turnBeganMs);
  turnBeganMs = nowMs;
}, 1);

for await (const _ of console) process.stdout.write(`${longestTurnMs}\n`);
