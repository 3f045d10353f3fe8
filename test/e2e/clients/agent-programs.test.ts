/**
 * Agent programs against a gateway and a node, without a network. Their prompts are longer than the context of the
 * demonstration model, so a scripted server behind the node is the model.
 */
import { randomUUID } from 'node:crypto';

import { isJsonObject } from '@cortex/protocol';
import { ScriptedServer, type ScriptedTurn } from '@cortex/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import { eventually } from '../processes.ts';
import { adminGet, startUp, type Up, Workspace } from '../start-up.ts';
import {
  AGENT_PROGRAMS,
  type AgentProgram,
  claudeCode,
  runSession,
  workFile,
} from './agent-program.ts';
import { isOffline } from './installed.ts';

type Body = Readonly<Record<string, unknown>>;

const MODEL = 'scripted-coder';
const CONTEXT_TOKENS = 131_072;
const SECRET = /secret-[0-9a-f-]{36}/;

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const hasTools = (body: Body): boolean => listOf(body['tools']).length > 0;

/** The result of the last tool, as the client sent it. */
function lastResult(body: Body): string | undefined {
  const last = listOf(body['messages']).findLast(
    (message) => isJsonObject(message) && message['role'] === 'tool',
  );
  return isJsonObject(last) ? JSON.stringify(last['content']) : undefined;
}

/** Reads the file with the agent's tool, and says which secret is in it. */
function readsFile({ reader }: AgentProgram, file: string, body: Body): ScriptedTurn {
  // Some agents ask for a title as well.
  if (!hasTools(body)) return { text: 'A secret in a file' };
  const result = lastResult(body);
  if (result !== undefined) return { text: `It is ${SECRET.exec(result)?.[0] ?? 'unknown'}.` };
  return { call: { name: reader.name, arguments: reader.arguments(file) } };
}

/** Calls a tool of Claude Code that is not in its first list, after a search for it. */
function searchesTool(body: Body): ScriptedTurn {
  if (!hasTools(body)) return { text: 'Jobs' };
  const result = lastResult(body);
  if (result === undefined) {
    return { call: { name: 'ToolSearch', arguments: { query: 'select:CronList' } } };
  }
  if (!result.includes('No scheduled jobs')) return { call: { name: 'CronList', arguments: {} } };
  return { text: 'There are none.' };
}

const toolNames = (body: Body | undefined): readonly string[] =>
  listOf(body?.['tools']).map((tool) => /"name":"(\w+)"/.exec(JSON.stringify(tool))?.[1] ?? '');

// Only a skip names it: a program that is not installed is another reason.
const requirement = isOffline ? '' : ' (needs network namespaces)';
const suite = describe.skipIf(!isOffline);

suite(`an agent program${requirement}`, () => {
  let up: Up;
  let server: ScriptedServer;
  let answer: (body: Body) => ScriptedTurn = () => ({ text: '' });

  beforeAll(async () => {
    server = new ScriptedServer({
      model: MODEL,
      contextTokens: CONTEXT_TOKENS,
      answer: (body) => answer(body),
    });
    up = await startUp({
      neuronToml: `[[harnesses]]\nname = "scripted"\nkind = "openai"\nendpoint = "${server.url}"\n`,
    });
    await eventually('the model', async () =>
      (await (await adminGet(up, '/models')).text()).includes(MODEL),
    );
  });
  afterAll(async () => {
    await up[Symbol.asyncDispose]();
    server[Symbol.dispose]();
  });

  /** Requests to an API that were answered. */
  async function answered(api: AgentProgram['api']): Promise<number> {
    const text = await (await fetch(`${up.metrics}/metrics`)).text();
    const lines = text
      .split('\n')
      .filter((line) => line.includes(`api="${api}"`) && line.includes('outcome="ok"'));
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  for (const program of AGENT_PROGRAMS) {
    const run = test.skipIf(program.file === undefined);

    run(
      `reads a file with its tool and ends its session: ${program.name} (needs CORTEX_TEST_CLIENTS)`,
      async () => {
        using workspace = new Workspace();
        const secret = `secret-${randomUUID()}`;
        const file = workFile(workspace, 'note.txt', `${secret}\n`);
        const before = { bodies: server.bodies.length, answered: await answered(program.api) };
        answer = (body) => readsFile(program, file, body);

        const { code, output } = await runSession(program, {
          api: up.api,
          model: MODEL,
          prompt: 'Which secret is in the file note.txt?',
          workspace,
        });

        const bodies = server.bodies.slice(before.bodies);
        const turns = bodies.filter(hasTools);
        expect({ code, output }).toMatchObject({
          code: 0,
          output: expect.stringContaining(secret),
        });
        expect(turns).toHaveLength(2);
        expect(await answered(program.api)).toBe(before.answered + bodies.length);
        // The node computes the second prompt from where it differs from the first.
        const [first = [], second = []] = turns.map(({ messages }) => listOf(messages));
        expect(JSON.stringify(second.slice(0, first.length))).toBe(JSON.stringify(first));
        expect(JSON.stringify(turns[1]?.['tools'])).toBe(JSON.stringify(turns[0]?.['tools']));
        expect(second.length).toBe(first.length + 2);
        expect(lastResult(turns[1] ?? {})).toContain(secret);
      },
      120_000,
    );

    run(
      `shows the error of the gateway for an unknown model: ${program.name} (needs CORTEX_TEST_CLIENTS)`,
      async () => {
        using workspace = new Workspace();
        workFile(workspace, 'note.txt', 'nothing\n');

        const { code, output } = await runSession(program, {
          api: up.api,
          model: 'no-such-model',
          prompt: 'Which secret is in the file note.txt?',
          workspace,
        });

        expect({ code, output }).toMatchObject({
          code: 1,
          output: expect.stringMatching(program.notFound),
        });
      },
      120_000,
    );
  }

  const searching = test.skipIf(claudeCode.file === undefined);
  searching(
    'gets a tool that it has searched for: Claude Code (needs CORTEX_TEST_CLIENTS)',
    async () => {
      using workspace = new Workspace();
      workFile(workspace, 'note.txt', 'nothing\n');
      const before = server.bodies.length;
      answer = searchesTool;

      const { code, output } = await runSession(claudeCode, {
        api: up.api,
        model: MODEL,
        prompt: 'Which jobs are scheduled?',
        workspace,
      });

      expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining('none') });
      const turns = server.bodies.slice(before).filter(hasTools);
      expect(turns.map((body) => toolNames(body).includes('CronList'))).toEqual([
        false,
        true,
        true,
      ]);
    },
    120_000,
  );
});
