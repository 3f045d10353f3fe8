import { describe, expect, test } from 'bun:test';

import { parseJoinToken } from '@cortex/service';
import { FakeClock } from '@cortex/testkit';

import { JoinTokens } from './join-tokens.ts';

function setUp() {
  const clock = new FakeClock();
  const tokens = new JoinTokens(() => clock.nowMs());
  /** The id and the secret of a new token. */
  const issue = () => parseJoinToken(tokens.issue()) ?? { id: '', secret: Buffer.of() };
  return { clock, tokens, issue };
}

describe('a join token', () => {
  test('is found by its id until it is used', () => {
    const { tokens, issue } = setUp();
    const [first, second] = [issue(), issue()];

    expect(tokens.find(first.id)).toEqual(first);
    tokens.use(first);
    expect(tokens.find(first.id)).toBeUndefined();
    expect(tokens.find(second.id)).toEqual(second);
  });

  test('is valid for an hour and not longer', () => {
    const { clock, tokens, issue } = setUp();
    const { id } = issue();

    clock.advance(3_599_999);
    expect(tokens.find(id)).toBeDefined();
    clock.advance(1);
    expect(tokens.find(id)).toBeUndefined();
  });

  test('is forgotten when a hundred newer ones exist', () => {
    const { tokens, issue } = setUp();
    const { id } = issue();
    const second = issue();
    for (let count = 2; count <= 100; count += 1) issue();

    expect(tokens.find(id)).toBeUndefined();
    expect(tokens.find(second.id)).toBeDefined();
  });
});
