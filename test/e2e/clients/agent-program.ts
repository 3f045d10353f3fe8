/** Agent programs that run once, without a terminal, in an environment and a home of their own. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { Program, type Workspace } from '../start-up.ts';
import { installed } from './installed.ts';

/** What a session is about. */
export interface Session {
  /** Address of the gateway. */
  readonly api: string;
  readonly model: string;
  readonly prompt: string;
  readonly workspace: Workspace;
}

export interface AgentProgram {
  readonly name: string;
  /** The API that it speaks, as metrics name it. */
  readonly api: 'chat' | 'messages' | 'responses';
  /** Its file; undefined: it is not installed. */
  readonly file: string | undefined;
  /** Its tool that reads a file, and the arguments for it. */
  readonly reader: {
    readonly name: string;
    readonly arguments: (file: string) => Record<string, string>;
  };
  /** What it prints for a model that does not exist. */
  readonly notFound: RegExp;
  /** What follows its file on the command line, and its environment. */
  readonly start: (session: Session) => {
    readonly args: readonly string[];
    readonly env: Record<string, string>;
    /** The program that runs its file; absent: none. */
    readonly runtime?: string;
  };
}

const KEY = 'dummy';

/** Of a session. Shorter than the time of its test, which then shows the output. */
const LONGEST_MS = 100_000;

/** The text of the gateway. */
const NOT_FOUND = /No model is named "no-such-model"/;

export const claudeCode: AgentProgram = {
  name: 'Claude Code',
  api: 'messages',
  file: installed('programs/node_modules/@anthropic-ai/claude-code-linux-x64/claude'),
  // It does not show the text of the error, but it understands its type.
  notFound: /no-such-model\)\. It may not exist/,
  reader: { name: 'Read', arguments: (file) => ({ file_path: file }) },
  start: ({ api, model, prompt }) => ({
    args: ['-p', prompt, '--model', model, '--allowedTools', 'Read', 'CronList'],
    env: {
      ANTHROPIC_BASE_URL: api,
      ANTHROPIC_API_KEY: KEY,
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      DISABLE_TELEMETRY: '1',
      DISABLE_AUTOUPDATER: '1',
    },
  }),
};

const codex: AgentProgram = {
  name: 'Codex',
  api: 'responses',
  file: installed('programs/node_modules/@openai/codex/vendor/x86_64-unknown-linux-musl/bin/codex'),
  notFound: NOT_FOUND,
  reader: { name: 'exec_command', arguments: (file) => ({ cmd: `cat '${file}'` }) },
  start: ({ api, model, prompt }) => {
    const settings = [
      'model_provider=cortex',
      `model_providers.cortex={name="cortex",base_url="${api}/v1",env_key="CORTEX_KEY",wire_api="responses"}`,
      'analytics.enabled=false',
    ].flatMap((setting) => ['-c', setting]);
    const flags = ['--skip-git-repo-check', '--sandbox', 'danger-full-access', '-m', model];
    return {
      args: ['exec', ...flags, ...settings, prompt],
      env: { CORTEX_KEY: KEY },
    };
  },
};

const qwenCode: AgentProgram = {
  name: 'Qwen Code',
  api: 'chat',
  file: installed('programs/node_modules/@qwen-code/qwen-code/cli-entry.js'),
  notFound: NOT_FOUND,
  reader: { name: 'read_file', arguments: (file) => ({ file_path: file }) },
  start: ({ api, model, prompt }) => ({
    runtime: process.execPath,
    args: ['-p', prompt, '--auth-type', 'openai', '--approval-mode', 'default'],
    env: { OPENAI_API_KEY: KEY, OPENAI_BASE_URL: `${api}/v1`, OPENAI_MODEL: model },
  }),
};

/** OpenCode with one of the providers that it contains. */
const openCode = (name: string, npm: string, api: AgentProgram['api']): AgentProgram => ({
  name: `OpenCode with ${name}`,
  api,
  file: installed('programs/node_modules/opencode-linux-x64/bin/opencode'),
  notFound: NOT_FOUND,
  reader: { name: 'read', arguments: (file) => ({ filePath: file }) },
  start: ({ api, model, prompt, workspace }) => {
    const models = { [model]: { name: model, limit: { context: 131_072, output: 8192 } } };
    const options = { baseURL: `${api}/v1`, apiKey: KEY };
    const config = { autoupdate: false, provider: { cortex: { npm, options, models } } };
    const file = workspace.write('opencode.json', JSON.stringify(config));
    return {
      args: ['run', '-m', `cortex/${model}`, prompt],
      env: {
        OPENCODE_CONFIG: file,
        OPENCODE_DISABLE_AUTOUPDATE: '1',
        OPENCODE_DISABLE_MODELS_FETCH: '1',
        OPENCODE_DISABLE_LSP_DOWNLOAD: '1',
      },
    };
  },
});

export const AGENT_PROGRAMS: readonly AgentProgram[] = [
  claudeCode,
  codex,
  qwenCode,
  openCode("Anthropic's provider", '@ai-sdk/anthropic', 'messages'),
  openCode("OpenAI's provider", '@ai-sdk/openai', 'responses'),
];

/** Runs a session to its end, in the folder of `workFile`. */
export async function runSession(
  { file = '', start }: AgentProgram,
  session: Session,
): Promise<{ readonly code: number; readonly output: string }> {
  const { args, env, runtime } = start(session);
  const home = session.workspace.path('home');
  if (!existsSync(home)) mkdirSync(home);
  const program = new Program([...(runtime === undefined ? [] : [runtime]), file, ...args], {
    cwd: session.workspace.path('work'),
    env: {
      // Nothing of the machine: no key of somebody, no configuration, no address of a service.
      ...Object.fromEntries(Object.keys(process.env).map((name) => [name, undefined])),
      PATH: '/usr/local/bin:/usr/bin:/bin',
      HOME: home,
      LANG: 'C.UTF-8',
      ...env,
    },
  });
  const timer = setTimeout(() => program.child.kill('SIGKILL'), LONGEST_MS);
  const code = await program.ended;
  clearTimeout(timer);
  return { code, output: program.output };
}

/** Writes a file of the folder in which the agent works. @returns its path */
export function workFile(workspace: Workspace, name: string, content: string): string {
  const file = join(workspace.path('work'), name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}
