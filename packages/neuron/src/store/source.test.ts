import { describe, expect, test } from 'bun:test';

import { formatSource, parseSource } from './source.ts';

describe('a source', () => {
  test.each([
    ['hf:org/repo', { repo: 'org/repo', revision: 'main' }],
    ['hf:org/repo@v1.0', { repo: 'org/repo', revision: 'v1.0' }],
    ['hf:org/repo@refs/pr/3', { repo: 'org/repo', revision: 'refs/pr/3' }],
    ['hf:org/repo:Q4/m.gguf', { repo: 'org/repo', revision: 'main', file: 'Q4/m.gguf' }],
    ['hf:org/repo@abc:m.gguf', { repo: 'org/repo', revision: 'abc', file: 'm.gguf' }],
  ])('%s names a repository of the hub, and its text is the same again', (text, parts) => {
    const source = parseSource(text);

    expect(source).toMatchObject({ kind: 'hub', ...parts });
    expect(source.kind === 'hub' && formatSource(source)).toBe(text);
  });

  test('https://… names a file on a web server', () => {
    expect(parseSource('https://example.com/a/m.gguf?download=true')).toMatchObject({
      kind: 'web',
    });
  });

  test.each([
    ['hf:repo', 'does not name a repository'],
    ['hf:org/../x', 'does not name a repository'],
    ['hf:../x', 'does not name a repository'],
    ['hf:org/a--b', 'does not name a repository'],
    ['hf:org/repo@../x', 'revision'],
    ['hf:org/repo@/etc', 'revision'],
    ['hf:org/repo:../m.gguf', 'not a path in a repository'],
    ['hf:org/repo:/m.gguf', 'not a path in a repository'],
    ['hf:org/repo:a\\..\\m.gguf', 'not a path in a repository'],
    ['hf:org/repo:Q4_K_M', 'Set quant'],
    ['https://user:pass@host/m.gguf', 'password'],
    ['https://host/page.html', 'does not name a .gguf file'],
    ['http://host/m.gguf', 'of no known kind'],
    ['qwen3', 'of no known kind'],
  ])('%s is refused, and the error says what is wrong', (text, problem) => {
    expect(() => parseSource(text)).toThrow(problem);
  });
});
