/** `[[harnesses]]` of neuron.toml: external engines. */
import { type ConfigOrigins, problemAt } from '@cortex/service';
import { z } from 'zod';

import { commandProblem, placeholdersOf } from './command-template.ts';
import { SERVER_KINDS } from './server-kinds.ts';

/** Names of the harnesses that neuron brings. */
const BUILT_IN = ['llama', 'llama-server'];

export const HarnessConfig = z.strictObject({
  name: z
    .string()
    .regex(
      /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
      'must be 1 to 64 letters, digits, ".", "_" or "-", and start with a letter or a digit',
    )
    .describe('Name of the harness; models.toml and load calls name it.'),
  kind: z
    .enum(SERVER_KINDS)
    .describe(
      'What the server is: openai (any OpenAI-compatible server), vllm, mistralrs, llamacpp (llama-server) or comfyui.',
    ),
  mode: z
    .enum(['shared', 'per_model'])
    .default('shared')
    .describe('shared: one server for many models. per_model: one process per model.'),
  endpoint: z
    .url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' })
    .optional()
    .describe('Base URL of a server that is already running, without /v1.'),
  command: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe(
      'Program and arguments that start the server; no shell reads them. An element may be ${file}, ${port}, ${context_total}, ${slots}, ${mmproj}, ${gpu_layers}, ${n_cpu_moe} or ${spec_type}.',
    ),
  systemd_unit: z
    .string()
    .regex(/^[A-Za-z0-9:_.\\@-]+$/, 'must be the name of a unit, such as vllm.service')
    .optional()
    .describe(
      'Unit of systemd that runs the server; neuron starts and restarts it. Needs endpoint.',
    ),
  workflows: z
    .string()
    .min(1)
    .optional()
    .describe(
      'comfyui: folder of workflows in API format; <id>.json is the model <id>. A value may be "${prompt}", "${negative_prompt}", "${width}", "${height}", "${steps}", "${seed}" or "${n}".',
    ),
  api_key_file: z
    .string()
    .optional()
    .describe('File with the key that neuron sends to the server as Authorization: Bearer.'),
  env: z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be letters, digits or "_"'),
      z.string(),
    )
    .default({})
    .describe('Environment of the command, added to that of the daemon.'),
  ready_path: z
    .string()
    .startsWith('/')
    .optional()
    .describe('Path that answers 200 once the server is ready. Default: that of the kind.'),
  accept_args: z
    .boolean()
    .default(false)
    .describe(
      'per_model: append the args of a load call to the command. Whoever may load models can then run programs here.',
    ),
  tensor_parallel: z
    .int()
    .min(1)
    .default(1)
    .describe('Devices that share each layer, as the command or the server has it.'),
});
export type HarnessConfig = z.infer<typeof HarnessConfig>;

/** A member of a harness that cannot be used. */
export class HarnessProblem extends Error {
  override readonly name = 'HarnessProblem';
  readonly member: keyof HarnessConfig;

  /** @param why - Completes a sentence that begins with the member. */
  constructor(member: keyof HarnessConfig, why: string, cause?: unknown) {
    super(why, { cause });
    this.member = member;
  }
}

function refuse(member: keyof HarnessConfig, why: string): never {
  throw new HarnessProblem(member, why);
}

/**
 * The result of `step`, which examines or uses the harness at `index` of `[[harnesses]]`.
 *
 * @throws ConfigError with file, line and key in place of a HarnessProblem
 */
export function forHarness<T>(
  index: number,
  { origins, step }: { readonly origins: ConfigOrigins; readonly step: () => T },
): T {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof HarnessProblem)) throw error;
    const key = `harnesses[${index}].${error.member}`;
    const isWritten = (origins.get(key) ?? 'default') !== 'default';
    // A member that is missing has no line of its own.
    const at = isWritten ? key : `harnesses[${index}].name`;
    throw problemAt(origins, at, { text: `${key} ${error.message}`, cause: error.cause });
  }
}

/** @throws ConfigError naming the harness and the member that is wrong or missing */
export function checkHarnesses(harnesses: readonly HarnessConfig[], origins: ConfigOrigins): void {
  const names = new Set<string>(BUILT_IN);
  for (const [index, harness] of harnesses.entries())
    forHarness(index, { origins, step: () => checkHarness(harness, names) });
}

/** @param names - Those that are taken; gets the name of the harness. */
function checkHarness(harness: HarnessConfig, names: Set<string>): void {
  const { name, mode } = harness;
  if (BUILT_IN.includes(name)) refuse('name', 'is one that neuron brings: choose another');
  if (names.has(name)) refuse('name', `"${name}" is used twice: choose another`);
  names.add(name);
  if (harness.kind === 'comfyui') checkComfy(harness);
  else if (harness.workflows !== undefined) refuse('workflows', 'is for kind = "comfyui"');
  const problem = harness.command && commandProblem(harness.command);
  if (problem !== undefined) refuse('command', problem);
  if (mode === 'shared') checkShared(harness);
  else checkPerModel(harness);
}

function checkComfy(harness: HarnessConfig): void {
  const { workflows, mode, tensor_parallel: tensorParallel } = harness;
  if (workflows === undefined) refuse('workflows', 'is missing: name the folder of the workflows');
  if (mode === 'per_model') refuse('mode', 'must be "shared" with kind = "comfyui"');
  if (tensorParallel !== 1) refuse('tensor_parallel', 'is not for kind = "comfyui"');
}

function checkShared(harness: HarnessConfig): void {
  const { endpoint, command, systemd_unit: unit } = harness;
  if (command && unit !== undefined) {
    refuse('command', 'and systemd_unit both start the server: keep one');
  }
  if (!command && endpoint === undefined) {
    refuse('endpoint', 'is missing: say where the server is, or give a command');
  }
  if (harness.accept_args) refuse('accept_args', 'is for mode = "per_model"');
  if (!command) return;
  const others = [...placeholdersOf(command)].filter((name) => name !== 'port');
  const [other] = others;
  if (other !== undefined) {
    refuse(
      'command',
      `may not hold \${${other}} with mode = "shared": it starts one server for all models`,
    );
  }
  const hasPort = placeholdersOf(command).has('port');
  if (!hasPort && endpoint === undefined) {
    refuse('command', 'needs ${port}, so that neuron knows where the server is, or endpoint');
  }
  if (hasPort && endpoint !== undefined) {
    refuse('endpoint', 'and ${port} in command both choose the port: keep one');
  }
}

function checkPerModel(harness: HarnessConfig): void {
  const { endpoint, command, systemd_unit: unit } = harness;
  if (endpoint !== undefined) refuse('endpoint', 'is for mode = "shared"');
  if (unit !== undefined) refuse('systemd_unit', 'is for mode = "shared"');
  if (!command) refuse('command', 'is missing: mode = "per_model" starts a server per model');
  if (!placeholdersOf(command).has('port')) {
    refuse('command', 'needs ${port}: every model has a server of its own');
  }
}
