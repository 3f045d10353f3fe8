import { afterAll, beforeAll, describe, setDefaultTimeout } from 'bun:test';

import type { Engine } from '../engine/engine.ts';
import type { EngineCapability, LoadedModel } from '../engine/load.ts';
import { cancelling } from './sections/cancelling.ts';
import { CAPABILITY_SECTIONS, refusals } from './sections/capabilities.ts';
import { closing } from './sections/closing.ts';
import { fairness } from './sections/fairness.ts';
import { flow } from './sections/flow.ts';
import { limits } from './sections/limits.ts';
import { loading } from './sections/loading.ts';
import { parameters } from './sections/parameters.ts';
import { sampling } from './sections/sampling.ts';
import { settings } from './sections/settings.ts';
import { stops } from './sections/stops.ts';
import {
  type ConformanceOptions,
  type MakeEngine,
  type Section,
  type Subject,
  suiteSpec,
} from './subject.ts';

const TIMEOUT_MS = 60_000;

/** Sections by the capability that they need; `undefined` means every engine. */
const SECTIONS: readonly (readonly [string, EngineCapability | undefined, Section])[] = [
  ['loading', undefined, loading],
  ['sampling', 'completions', sampling],
  ['sampling settings', 'logprobs', settings],
  ['stop strings', 'completions', stops],
  ['cancelling', 'chat', cancelling],
  ['flow', 'chat', flow],
  ['limits', 'chat', limits],
  ['parameters', 'chat', parameters],
  ['fairness', 'chat', fairness],
  ['what it cannot do', undefined, refusals],
  ['closing', 'chat', closing],
];

/**
 * Registers the tests that every `Engine` passes, whatever it claims.
 *
 * @param make - A fresh engine for each load; the suite closes what it makes.
 */
export function engineConformance(
  name: string,
  make: MakeEngine,
  options: ConformanceOptions,
): void {
  describe(`engine conformance: ${name}`, () => {
    setDefaultTimeout(options.timeoutMs ?? TIMEOUT_MS);
    let shared: { readonly engine: Engine; readonly loaded: LoadedModel } | undefined;
    const subject = (): Subject => {
      if (shared === undefined) throw new Error('the engine of the suite did not load');
      return { options, make, ...shared };
    };
    beforeAll(async () => {
      const engine = await make();
      const { signal } = new AbortController();
      shared = { engine, loaded: await engine.load(suiteSpec(options), () => undefined, signal) };
    });
    afterAll(async () => {
      await shared?.engine.close(0);
    });

    for (const claim of options.claims) {
      describe(claim, () => CAPABILITY_SECTIONS[claim](subject, options));
    }
    for (const [title, needs, section] of SECTIONS) {
      if (needs !== undefined && !options.claims.includes(needs)) continue;
      describe(title, () => section(subject, options));
    }
  });
}
