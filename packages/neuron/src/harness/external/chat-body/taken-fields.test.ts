import { describe, expect, test } from 'bun:test';

import { type FormOption, TakenFields } from './taken-fields.ts';

const FIELDS: FormOption = ['fields', undefined];
const EFFORT: FormOption = ['effort max', 'effort high', undefined];
const USAGE: FormOption = ['usage', undefined];

type Form = readonly (string | undefined)[];

/** The forms that a server sees which refuses these choices. */
function send(taken: TakenFields, options: readonly FormOption[], refused: readonly string[]) {
  const forms = taken.open(options);
  const seen: Form[] = [];
  for (;;) {
    seen.push(forms.form);
    if (!forms.form.some((choice) => choice !== undefined && refused.includes(choice))) {
      forms.taken();
      return seen;
    }
    if (!forms.refused()) return seen;
  }
}

describe('what a server may refuse', () => {
  test('is sent as asked to a server that takes it', () => {
    expect(send(new TakenFields(), [FIELDS, EFFORT, USAGE], [])).toEqual([
      ['fields', 'effort max', 'usage'],
    ]);
  });

  test('is left out one by one until the server takes the request, and then at once', () => {
    const taken = new TakenFields();
    const refused = ['fields', 'effort max'];

    expect(send(taken, [FIELDS, EFFORT, USAGE], refused)).toEqual([
      ['fields', 'effort max', 'usage'],
      [undefined, 'effort max', 'usage'],
      [undefined, 'effort high', 'usage'],
    ]);
    // Only what a request without it has shown is known: the fields come again.
    expect(send(taken, [EFFORT, USAGE], refused)).toEqual([['effort high', 'usage']]);
    expect(send(taken, [FIELDS, USAGE], refused)).toEqual([
      ['fields', 'usage'],
      [undefined, 'usage'],
    ]);
    expect(send(taken, [FIELDS, EFFORT, USAGE], refused)).toEqual([
      [undefined, 'effort high', 'usage'],
    ]);
  });

  test('is not left out for a refusal with another reason once the server has taken it', () => {
    const taken = new TakenFields();
    send(taken, [EFFORT, USAGE], []);

    const forms = taken.open([EFFORT, USAGE]);

    expect(forms.refused()).toBe(false);
  });

  test('is tried again after a request that was refused in every form', () => {
    const taken = new TakenFields();
    const forms = taken.open([USAGE]);
    forms.refused();

    expect(forms.refused()).toBe(false);
    expect(taken.open([USAGE]).form).toEqual(['usage']);
  });

  test('is tried again after ten minutes: one request may have had a wrong value', () => {
    let nowMs = 0;
    const taken = new TakenFields(() => nowMs);
    send(taken, [USAGE], ['usage']);

    nowMs = 599_999;
    expect(taken.open([USAGE]).form).toEqual([undefined]);
    nowMs = 600_000;
    expect(taken.open([USAGE]).form).toEqual(['usage']);
  });

  test('is not learned for a server that has restarted from a request to the one before', () => {
    const taken = new TakenFields().of(1);
    const late = taken.open([USAGE]);
    taken.of(2);

    late.refused();
    late.taken();

    expect(taken.of(2).open([USAGE]).form).toEqual(['usage']);
  });

  test('is tried again after a restart of the server', () => {
    const taken = new TakenFields().of(1);
    send(taken, [USAGE], ['usage']);

    expect(taken.of(1).open([USAGE]).form).toEqual([undefined]);
    expect(taken.of(2).open([USAGE]).form).toEqual(['usage']);
  });
});
