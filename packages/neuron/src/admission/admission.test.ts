import { CortexError } from '@cortex/protocol';
import { describe, expect, test } from 'bun:test';

import { isRefusal } from '../refusal.ts';
import { Admission, type AdmissionOptions, type SeatRequest } from './admission.ts';

const request = (overrides: Partial<SeatRequest> = {}): SeatRequest => ({
  modelId: 'm',
  slots: 2,
  weight: 1,
  isStreamed: true,
  principal: 'addr:10.0.0.1',
  ...overrides,
});

const createAdmission = (options: Partial<AdmissionOptions>): Admission =>
  new Admission({ maxQueueDepth: 32, maxWaitMs: 1000, maxPerPrincipal: 0, ...options });

function refusalOf(act: () => unknown): CortexError {
  try {
    act();
  } catch (error) {
    if (error instanceof CortexError) return error;
  }
  throw new Error('was not refused');
}

describe('Admission', () => {
  test('gives a seat for every slot and every queue place, then refuses', () => {
    const admission = createAdmission({ maxQueueDepth: 1, maxWaitMs: 1000 });
    for (let seat = 0; seat < 3; seat += 1) admission.take(request());

    const refusal = refusalOf(() => admission.take(request()));

    expect(refusal.code).toBe('queue_full');
    expect(isRefusal(refusal)).toBe(true);
    expect(admission.report('m')).toMatchObject({
      inFlight: 2,
      queueDepth: 1,
      rejected: { queue_full: 1 },
    });
  });

  test('derives Retry-After from the duration of earlier requests', () => {
    const admission = createAdmission({ maxQueueDepth: 0, maxWaitMs: 1000 });
    const seat = admission.take(request());
    seat.release(20_000);
    admission.take(request());
    admission.take(request());

    const refusal = refusalOf(() => admission.take(request()));

    expect(refusal.retryAfterS).toBe(10);
  });

  test('includes the whole queue in Retry-After, because it is served first', () => {
    const admission = createAdmission({ maxQueueDepth: 3 });
    admission.take(request()).release(8000);
    for (let seat = 0; seat < 5; seat += 1) admission.take(request());

    const refusal = refusalOf(() => admission.take(request()));

    // Three wait and one more comes; two slots of 8 s each.
    expect(refusal.retryAfterS).toBe(16);
  });

  test('refuses a principal at its limit with the expected wait, and accepts another principal', () => {
    const admission = createAdmission({ maxPerPrincipal: 3 });
    for (let seat = 0; seat < 3; seat += 1) admission.take(request());

    const refusal = refusalOf(() => admission.take(request()));

    expect(refusal).toMatchObject({ code: 'rate_limit_exceeded', status: 429 });
    expect(refusal.retryAfterS).toBeGreaterThan(0);
    expect(isRefusal(refusal)).toBe(true);
    expect(admission.report('m').rejected).toEqual({ rate_limit_exceeded: 1 });
    admission.take(request({ principal: 'key:other' }));
  });

  test('accepts another request of a principal once one has ended', () => {
    const admission = createAdmission({ maxPerPrincipal: 1 });
    admission.take(request()).release();

    admission.take(request());

    expect(admission.report('m').inFlight).toBe(1);
  });

  test('gives every seat to one principal without a limit', () => {
    const admission = createAdmission({ maxQueueDepth: 30 });

    for (let seat = 0; seat < 32; seat += 1) admission.take(request());

    expect(admission.report('m')).toMatchObject({ inFlight: 2, queueDepth: 30 });
  });

  test('releases a seat once, even if release is called again', () => {
    const admission = createAdmission({ maxQueueDepth: 1, maxWaitMs: 1000 });
    const seat = admission.take(request());
    admission.take(request());

    seat.release();
    seat.release();

    expect(admission.report('m').inFlight).toBe(1);
  });

  test('takes n seats for n choices, or none', () => {
    const admission = createAdmission({ maxQueueDepth: 1, maxWaitMs: 1000 });
    admission.take(request({ weight: 2 }));

    const refusal = refusalOf(() => admission.take(request({ weight: 2 })));

    expect(refusal.code).toBe('queue_full');
    expect(admission.report('m')).toMatchObject({ inFlight: 2, queueDepth: 0 });
  });

  test('refuses n above the number of slots as invalid', () => {
    const admission = createAdmission({ maxQueueDepth: 32, maxWaitMs: 1000 });

    const refusal = refusalOf(() => admission.take(request({ weight: 3 })));

    expect(refusal.code).toBe('invalid_request');
    expect(refusal.details.param).toBe('n');
  });

  test('ends the wait of a request that is not streamed after the limit', async () => {
    const admission = createAdmission({ maxQueueDepth: 4, maxWaitMs: 5 });
    admission.take(request({ slots: 1 }));
    const seat = admission.take(request({ slots: 1, isStreamed: false }));

    await new Promise((resolve) => seat.expired.addEventListener('abort', resolve));

    expect(seat.expired.reason).toMatchObject({ code: 'queue_full' });
  });

  test('resolves whenIdle when the last seat is released', async () => {
    const admission = createAdmission({ maxQueueDepth: 4, maxWaitMs: 1000 });
    const [first, second] = [admission.take(request()), admission.take(request())];
    const idle = admission.whenIdle('m');

    first.release();
    expect(admission.isIdle('m')).toBe(false);
    second.release();

    await idle;
    expect(admission.isIdle('m')).toBe(true);
  });
});
