import { CliError } from '../cli-error.ts';
import { readApiKey } from '../client/admin-key.ts';
import { type GatewayClient } from '../client/gateway-client.ts';
import { type Check, checkApi } from '../connect/apis.ts';
import { chooseModel } from '../connect/choose-model.ts';
import { formatCheck, type Part, partsOf } from '../connect/report.ts';
import { writeSettingsFile } from '../connect/settings-file.ts';
import { filesWithSettings, type PlannedFile, planFile } from '../connect/settings-plan.ts';
import { type Access, type Env, type Tool } from '../connect/tool.ts';
import { type ToolName, TOOLS } from '../connect/tools.ts';
import { visibleText } from '../output/visible-text.ts';
import { type ClientContext } from './context.ts';

export interface ConnectOptions {
  readonly url: string;
  readonly model?: string | undefined;
  readonly write: boolean;
  readonly dryRun: boolean;
  readonly check: boolean;
  readonly json: boolean;
}

/** Asks the gateway for what the settings need, and calls the API of the program. */
async function reach(
  client: GatewayClient,
  tool: Tool,
  { model: asked, check }: ConnectOptions,
): Promise<{ readonly access: Access; readonly checks: readonly Check[] }> {
  let choice = await chooseModel(client, asked);
  const { id, loaded } = choice.model;
  const checks = await checkApi(client, tool.api, {
    names: [id, choice.root],
    mayAsk: loaded || check,
    isLoading: check && !loaded,
  });
  // The limits of a model may be known only since it was loaded for the check.
  if (!loaded && check) choice = await chooseModel(client, id);
  return { access: { url: client.url, ...choice }, checks };
}

/** `access` without the models that the settings of the program cannot describe, and why not. */
function withoutLacking(access: Access, { lackOf }: Tool, failure: CliError | undefined) {
  const lack = lackOf?.(access.model);
  if (lack !== undefined)
    throw (
      failure ?? new CliError(`${access.model.id} cannot be set up yet: ${lack}; --check loads it`)
    );
  const left = access.models.flatMap((model) => {
    const reason = lackOf?.(model);
    return reason === undefined ? [] : [`${model.id} is left out: ${reason}`];
  });
  const models = access.models.filter((model) => lackOf?.(model) === undefined);
  return { access: { ...access, models }, notes: left };
}

/** The whole files as they would be, or the settings alone. */
function preview(
  tool: Tool,
  access: Access,
  env: Env,
  { dryRun }: ConnectOptions,
): readonly Part[] {
  if (!dryRun || !('files' in tool)) return partsOf(tool, access, env);
  return plan(tool, access, env).map(({ path, after }) => ({
    target: path,
    text: after.trimEnd(),
  }));
}

const plan = (tool: Tool, access: Access, env: Env): readonly PlannedFile[] =>
  'files' in tool
    ? filesWithSettings(tool.files, access).map((file) => planFile(file, access, env))
    : [];

interface WrittenFile {
  readonly path: string;
  readonly changed: boolean;
  readonly backup?: string | undefined;
}

/** All files are read and edited before the first is written. */
const writeAll = (files: readonly PlannedFile[]): readonly WrittenFile[] =>
  files.map((file) =>
    file.before === file.after
      ? { path: file.path, changed: false }
      : { path: file.path, changed: true, backup: writeSettingsFile(file) },
  );

const formatWritten = ({ path, changed, backup }: WrittenFile, model: string): string => {
  if (!changed) return `${path} has these settings already: nothing is changed.`;
  const kept = backup === undefined ? '' : ` The file as it was: ${backup}`;
  return `${path} now has the settings for ${model}.${kept}`;
};

/** Sets up one program: checks, prints or writes its settings. @throws CliError */
export async function connectTool(
  name: ToolName,
  options: ConnectOptions,
  {
    connect,
    terminal,
    paint,
    env,
  }: Pick<ClientContext, 'connect' | 'terminal' | 'paint'> & { readonly env: Env },
): Promise<void> {
  const say = (text: string): void => terminal.warn(paint('dim', visibleText(text)));
  const tool = TOOLS[name];
  const isWriting = options.write && !options.dryRun;
  if (isWriting && !('files' in tool))
    throw new CliError(
      `--write cannot set up ${name}: ${tool.notWritable}. Without --write, the settings are printed.`,
      { exitCode: 2 },
    );
  const reached = await reach(connect(options.url), tool, options);
  const { checks } = reached;
  const key = readApiKey(env);
  const failed = checks.find(({ outcome }) => outcome === 'failed');
  const failure =
    failed &&
    new CliError(
      `${name} cannot use ${reached.access.model.id} now: ${formatCheck(failed)}${isWriting ? '; nothing is written' : ''}`,
    );
  const { access, notes } = withoutLacking({ ...reached.access, key }, tool, failure);
  const written =
    isWriting && failure === undefined ? writeAll(plan(tool, access, env)) : undefined;
  const settings = isWriting ? undefined : preview(tool, access, env, options);
  const remarks = [...notes, ...(tool.notes?.(access) ?? [])];

  if (options.json) {
    const { id: model } = access.model;
    const report = { tool: name, url: access.url, api: tool.api, model, checks };
    terminal.print(JSON.stringify({ ...report, notes: remarks, settings, written }, null, 2));
  } else {
    for (const check of checks) say(formatCheck(check));
    for (const { target, text } of settings ?? []) {
      say(`${target}:`);
      terminal.print(terminal.isInteractive ? visibleText(text) : text);
    }
    for (const file of written ?? [])
      terminal.print(visibleText(formatWritten(file, access.model.id)));
    for (const remark of remarks) terminal.warn(paint('yellow', visibleText(remark)));
  }
  if (failure !== undefined) throw failure;
}
