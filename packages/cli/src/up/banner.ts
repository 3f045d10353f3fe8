import { type AdminModel, type AdminNode } from '@cortex/protocol';

import { DEFAULT_URL } from '../client/default-url.ts';
import { COMMAND } from '../command-name.ts';
import { type Paint } from '../output/terminal.ts';
import { visibleLine } from '../output/visible-text.ts';

export interface BannerFacts {
  readonly apiUrl: string;
  readonly metricsUrl: string;
  readonly nodes: readonly AdminNode[];
  readonly models: readonly AdminModel[];
  /** URLs of the API for other machines; empty without `--lan`. */
  readonly lanUrls: readonly string[];
}

const hardwareOf = ({ devices, cpu, ram_total_mb: ramMb }: AdminNode): string => {
  const gpus = devices.filter(({ kind }) => kind !== 'cpu');
  if (gpus.length > 0)
    return gpus
      .map(({ name, vram_total_mb: mb }) => `${name} (${Math.round(mb / 1024)} GB)`)
      .join(', ');
  const processor = cpu === undefined ? 'CPU' : `${cpu.model}, ${cpu.cores} cores`;
  const share = devices.find(({ kind }) => kind === 'cpu')?.vram_total_mb;
  if (share !== undefined)
    return `${processor}, no GPU in use, models may use ${(share / 1024).toFixed(1)} GB of RAM`;
  return ramMb === undefined
    ? processor
    : `${processor}, ${Math.round(ramMb / 1024)} GB RAM, no GPU in use`;
};

function describeModel({ id, replicas, reason }: AdminModel): string {
  const [replica] = replicas;
  if (replica === undefined) return `${id}  ${reason ?? 'loads at its first request'}`;
  const { status, limit, backend, gpu_layers: layers, reason: why } = replica.model;
  if (status === 'failed') return `${id}  failed: ${why ?? 'see the log'}`;
  const parts: string[] = [id];
  if (status === 'loaded') {
    if (limit !== undefined) parts.push(`context ${limit.context}`);
    if (backend !== undefined) parts.push(`on ${backend}`);
    if (backend !== 'cpu' && layers !== undefined) parts.push(`layers ${layers}`);
  } else parts.push(status === 'unloaded' ? 'loads at its first request' : status);
  return parts.join('  ');
}

const modelLine = (model: AdminModel): string => visibleLine(describeModel(model));

const isLoaded = ({ replicas }: AdminModel): boolean =>
  replicas.some(({ model }) => model.status === 'loaded');

/** The model of the example: a loaded one if there is one. */
function exampleModel(models: readonly AdminModel[]): string {
  return (models.find(isLoaded) ?? models[0])?.id ?? 'MODEL';
}

/** The text that `cortex up` prints once both daemons are running: addresses, nodes, models and an example. */
export function formatBanner(facts: BannerFacts, paint: Paint): string {
  const { apiUrl, metricsUrl, nodes, models, lanUrls } = facts;
  const body = JSON.stringify({
    model: exampleModel(models),
    messages: [{ role: 'user', content: 'What is cortex?' }],
  });
  const chat = `${COMMAND} chat${apiUrl === DEFAULT_URL ? '' : ` --url ${apiUrl}`}`;
  const warnings = nodes.flatMap(({ name, gpu_unavailable_reason: why }) =>
    why === undefined ? [] : [paint('yellow', `  ! ${name}: ${why}`)],
  );
  const lines = [
    paint('bold', 'cortex is up.'),
    '',
    `  gateway  ${apiUrl}   metrics ${metricsUrl}/metrics`,
    ...nodes.map((node) => `  node     ${node.name}  ${node.endpoint}  ${hardwareOf(node)}`),
    ...(models.length === 0
      ? ['  model    none: put a GGUF file into the models folder of the node']
      : models.map((model) => `  model    ${modelLine(model)}`)),
    ...lanUrls.map(
      (url) => `  network  ${url}/v1   (only the API; open to every client that can reach it)`,
    ),
    ...warnings,
    '',
    'Try it:',
    `  curl -s ${apiUrl}/v1/chat/completions -H 'content-type: application/json' -d '${body}'`,
    '',
    `OpenAI clients: base URL ${apiUrl}/v1; Anthropic and Ollama clients: ${apiUrl}. Any API key.`,
    `Next: ${paint('bold', chat)}   (in another terminal; Ctrl-C here stops everything)`,
    '',
  ];
  return lines.join('\n');
}
