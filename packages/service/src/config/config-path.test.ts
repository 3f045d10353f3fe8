import { expect, test } from 'bun:test';
import { join } from 'node:path';

import { resolveConfigPath } from './config-path.ts';

const from = (origin: string) => ({ origins: new Map([['state_dir', origin]]) });

test.each([
  ['/etc/neuron/neuron.toml:4', 'state', '/etc/neuron/state'],
  ['/etc/neuron/neuron.toml:4', '../state', '/etc/state'],
  ['/etc/neuron/neuron.toml:4', '/var/state', '/var/state'],
  ['conf/neuron.toml:4', 'state', join(process.cwd(), 'conf/state')],
  ['NEURON_STATE_DIR', 'state', join(process.cwd(), 'state')],
  ['--state-dir', 'state', join(process.cwd(), 'state')],
  ['default', '/var/lib/neuron', '/var/lib/neuron'],
])('a path whose origin is %s and whose text is %s is resolved to %s', (origin, path, expected) => {
  expect(resolveConfigPath(from(origin), 'state_dir', path)).toBe(expected);
});
