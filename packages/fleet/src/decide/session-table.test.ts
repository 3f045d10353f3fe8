import { describe, expect, test } from 'bun:test';

import { SessionTable } from './session-table.ts';

const times = (nowMs: number) => ({ nowMs, holdMs: 5000 });

/** A table with one conversation, whose second question came a second after the first answer. */
function tableWith(key: string): SessionTable {
  const sessions = new SessionTable();
  sessions.answered(key, 'm', times(0));
  sessions.asked(key, 'm', 1000);
  return sessions;
}

describe('A conversation', () => {
  test('is expected to go on if its pauses were short', () => {
    expect(tableWith('talk').answered('talk', 'm', times(2000))).toBe(true);
  });

  test('is not expected to go on after a long pause, at its first answer, or with another model', () => {
    const slow = new SessionTable();
    slow.answered('talk', 'm', times(0));
    slow.asked('talk', 'm', 6000);
    expect(slow.answered('talk', 'm', times(7000))).toBe(false);
    expect(new SessionTable().answered('talk', 'm', times(0))).toBe(false);
    expect(tableWith('talk').answered('talk', 'other', times(2000))).toBe(false);
  });

  test('is forgotten after 10,000 others', () => {
    const sessions = tableWith('talk');
    for (let other = 0; other < 10_000; other += 1) {
      sessions.answered(`other ${other}`, 'm', times(1500));
    }
    expect(sessions.answered('talk', 'm', times(2000))).toBe(false);
  });
});
