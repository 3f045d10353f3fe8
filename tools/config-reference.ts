/**
 * Writes the configuration reference and the JSON schemas from the configuration schemas of the programs: `node
 * tools/bun.mjs tools/config-reference.ts`. A test compares the result with the checked-in file.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { type ConfigKey, configJsonSchema, listConfigKeys } from '@cortex/service';
import { format } from 'prettier';

import { GatewayConfig } from '../packages/gateway/src/config/gateway-config.ts';
import { ModelsConfig } from '../packages/gateway/src/config/models-config.ts';
import { NeuronConfig } from '../packages/neuron/src/config.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const FILES = [
  {
    name: 'cortex',
    schema: GatewayConfig,
    prefix: 'CORTEX_',
    about: 'The gateway: `cortex serve -c cortex.toml`, or `cortex up -c cortex.toml`.',
  },
  {
    name: 'models',
    schema: ModelsConfig,
    prefix: undefined,
    about:
      'The catalogue: settings and aliases of models. Its path is set by `gateway.models_config` or `--models`.',
  },
  {
    name: 'neuron',
    schema: NeuronConfig,
    prefix: 'NEURON_',
    about: 'A node: `neuron serve -c neuron.toml`, or `cortex up --neuron-config neuron.toml`.',
  },
] as const;

const INTRO = `# Configuration

<!-- Written by tools/config-reference.ts from the schemas. Do not edit. -->

Values come from defaults, the TOML file, the environment and flags; each source overrides the ones before it. For
neuron, \`joined.toml\` in \`state_dir\`, which \`neuron join\` writes, comes between the defaults and the file. The name
of a variable is the prefix and the keys in capitals, joined by two underscores: \`CORTEX_GATEWAY__LISTEN\` sets
\`gateway.listen\`, \`NEURON_LISTEN\` sets \`listen\`. Text is used literally; other values are written as in TOML
(\`CORTEX_GATEWAY__CORS_ORIGINS='["https://chat.example"]'\`).

With an unknown key or an invalid value the program does not start. It prints file, line, key and the nearest known
key. \`cortex config check -c cortex.toml\` prints every value with its source.

Variables that are not keys: \`CORTEX_STATE_DIR\` (folder for the state of cortex), \`CORTEX_URL\` (the gateway that the
client commands call), \`CORTEX_ADMIN_KEY\` and \`CORTEX_ADMIN_KEY_FILE\` (the admin key that they send),
\`CORTEX_API_KEY\` (the key that they send to the other APIs, for a proxy), \`CORTEX_LOG\` and \`NEURON_LOG\`
(\`trace\`, \`debug\`, \`info\`, \`warn\`, \`error\`, \`fatal\`, \`silent\`). The level selects events; the record of each request is
written at every level except \`silent\`. Log lines that stderr does not accept, because it has no reader or its disk is
full, are dropped and counted.
`;

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

/** Prose: without the escape, `*` starts emphasis and `<id>` is an HTML tag. */
const prose = (text: string): string => text.replaceAll(/[*<]/g, '\\$&');

function variable(key: string, prefix: string | undefined): string {
  if (prefix === undefined || /[[*]/.test(key)) return '';
  return `\`${prefix}${key.toUpperCase().replaceAll('.', '__')}\``;
}

function row(entry: ConfigKey, prefix: string | undefined): string {
  const fallback = entry.isRequired
    ? 'required'
    : entry.default === undefined
      ? ''
      : `\`${JSON.stringify(entry.default)}\``;
  const cells = [
    `\`${entry.key}\``,
    entry.type,
    fallback,
    variable(entry.key, prefix),
    prose(entry.description ?? ''),
  ];
  return `| ${cells.map(cell).join(' | ')} |`;
}

/** The text of docs/configuration.md. */
export function renderReference(): Promise<string> {
  const sections = FILES.map(({ name, schema, prefix, about }) =>
    [
      `## ${name}.toml`,
      '',
      `${about} Example: [config/${name}.example.toml](../config/${name}.example.toml).`,
      '',
      '| key | type | default | variable | meaning |',
      '|---|---|---|---|---|',
      ...listConfigKeys(schema).map((entry) => row(entry, prefix)),
    ].join('\n'),
  );
  return format(`${INTRO}\n${sections.join('\n\n')}\n`, { parser: 'markdown' });
}

/** The JSON schemas for editors, by file name below `config/`. */
export async function renderSchemas(): Promise<Readonly<Record<string, string>>> {
  const schemas: Record<string, string> = {};
  for (const { name, schema } of FILES) {
    schemas[`${name}.schema.json`] = await format(JSON.stringify(configJsonSchema(schema)), {
      parser: 'json',
      printWidth: 100,
    });
  }
  return schemas;
}

if (import.meta.main) {
  writeFileSync(join(ROOT, 'docs', 'configuration.md'), await renderReference());
  for (const [name, text] of Object.entries(await renderSchemas())) {
    writeFileSync(join(ROOT, 'config', name), text);
  }
}
