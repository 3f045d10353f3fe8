import { describe, expect, test } from 'bun:test';

import { readRefusal, type WholeAnswer } from './node-answer.ts';

const LOADING = { state: 'loading', node: 'beast', progress: 0.4, eta_s: 12 };

function refusal(error: object, headers: WholeAnswer['headers'] = {}): WholeAnswer {
  const bytes = new TextEncoder().encode(JSON.stringify({ error }));
  return { kind: 'whole', status: 503, headers, bytes };
}

describe('a refusal of a node', () => {
  test('keeps what is loading and what is missing', () => {
    const answer = refusal(
      {
        message: 'No room.',
        code: 'insufficient_vram',
        device: 1,
        missing_mb: 2001,
        loading: LOADING,
      },
      { 'retry-after': '7' },
    );

    const { error, nodeError } = readRefusal(answer, 'beast');

    expect(error).toMatchObject({
      code: 'insufficient_vram',
      message: 'No room.',
      retryAfterS: 7,
      details: { loading: LOADING, extra: { device: 1, missing_mb: 2001 } },
    });
    expect(nodeError).toMatchObject({ loading: LOADING, status: 503, retry_after_s: 7 });
  });

  test('says when to try again in its header, else in its body', () => {
    const body = { message: 'Full.', code: 'queue_full', retry_after_s: 3 };

    const inBoth = readRefusal(refusal(body, { 'retry-after': '7' }));
    const inBody = readRefusal(refusal(body));

    expect([inBoth.error.retryAfterS, inBoth.nodeError?.['retry_after_s']]).toEqual([7, 7]);
    expect([inBody.error.retryAfterS, inBody.nodeError?.['retry_after_s']]).toEqual([3, 3]);
  });

  test('without an error object is a protocol error that names the node', () => {
    const page = { ...refusal({}), bytes: new TextEncoder().encode('<html>') };

    const { error, nodeError } = readRefusal(page, 'beast');

    expect(error).toMatchObject({ code: 'node_protocol_error', status: 502 });
    expect(error.message).toContain('beast');
    expect(nodeError).toBeUndefined();
  });
});
