import { describe, expect, test } from 'bun:test';

import * as fc from 'fast-check';

import { type ClientTool, ToolNames } from './tool-names.ts';

const tool = (name: string, namespace?: string): ClientTool => ({
  name,
  namespace,
  kind: 'function',
});

function namesOf(...tools: readonly ClientTool[]): ToolNames {
  const names = new ToolNames();
  for (const entry of tools) names.add(entry);
  return names;
}

describe('The name of a tool for a node', () => {
  test('is its own where it has no namespace', () => {
    expect(namesOf(tool('a/b.c')).nodeName({ name: 'a/b.c' })).toBe('a/b.c');
  });

  test.each([
    ['mcp__files', 'read', 'mcp__files__read'],
    ['mcp__files__', 'read', 'mcp__files__read'],
    ['a b', 'é', 'a_b___'],
  ])('joins the namespace %j and %j to %j', (namespace, name, expected) => {
    expect(namesOf(tool(name, namespace)).nodeName({ namespace, name })).toBe(expected);
  });

  test('is the same whether or not the request has the tool', () => {
    const namespace = 'mcp__server';
    for (const name of ['read', 'r'.repeat(80)]) {
      const listed = namesOf(tool(name, namespace)).nodeName({ namespace, name });
      expect(new ToolNames().nodeName({ namespace, name })).toBe(listed);
    }
  });

  test('leads back to a function where the request has no such tool', () => {
    expect(new ToolNames().clientTool('x__y')).toEqual(tool('x__y'));
  });

  test('is given once', () => {
    expect(namesOf(tool('a')).add({ name: 'a', kind: 'custom' })).toBe(false);
  });

  test('is valid, unique and leads back to the tool, for all tools', () => {
    // Few letters, so that many names are the same after they are joined.
    const text = fc.string({
      unit: fc.constantFrom('a', '_', '__', '.', ' ', 'é', 'a'.repeat(30)),
      minLength: 1,
      maxLength: 4,
    });
    const inNamespace = fc.record({ name: text, namespace: text });
    fc.assert(
      fc.property(fc.array(text), fc.array(inNamespace), (plain, others) => {
        const listed = [
          ...plain.map((name) => tool(name)),
          ...others.map((o) => tool(o.name, o.namespace)),
        ];
        const names = new ToolNames();
        const added = listed.filter((entry) => names.add(entry));

        const given = added.map((entry) => names.nodeName(entry));
        expect(new Set(given).size).toBe(given.length);
        expect(given.map((name) => names.clientTool(name))).toEqual(added);
        for (const [index, entry] of added.entries())
          if (entry.namespace !== undefined) expect(given[index]).toMatch(/^[\w-]{1,64}$/);
      }),
    );
  });
});
