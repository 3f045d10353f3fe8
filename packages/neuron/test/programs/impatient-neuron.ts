/** `neuron serve -c FILE --ready-file FILE` with an idle limit of two seconds instead of thirty. */
import { createLogger } from '@cortex/service';

import { loadNeuronConfig } from '../../src/config.ts';
import { startNeuron } from '../../src/neuron.ts';

const [, , , file, , readyFile] = process.argv.slice(1);

await startNeuron({
  config: loadNeuronConfig({ file, env: {} }),
  log: createLogger({ name: 'neuron', level: 'fatal' }),
  readyFile,
  parts: { idleLimitS: 2 },
});
