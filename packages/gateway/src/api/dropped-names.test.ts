import { describe, expect, test } from 'bun:test';

import { droppedNames } from './dropped-names.ts';

describe('The header for tools that are left out', () => {
  test('names all of them while there is room', () => {
    expect(droppedNames(['web_search', 'a tool'])).toBe('web_search, a%20tool');
  });

  test('counts those for which there is no room', () => {
    const names = Array.from({ length: 10_000 }, (_, at) => `tool_${at}`);

    const text = droppedNames(names);

    expect(text.length).toBeLessThan(1100);
    expect(text).toStartWith('tool_0, tool_1, ');
    const shown = text.split(', ').length - 1;
    expect(text).toEndWith(`, (${names.length - shown} more)`);
  });

  test('cuts a long name, also one of characters that have to be encoded', () => {
    expect(droppedNames(['a'.repeat(1_000_000), 'b'])).toBe(`${'a'.repeat(64)}, b`);
    expect(droppedNames(['é'.repeat(1_000_000), 'b']).length).toBeLessThan(1100);
  });
});
