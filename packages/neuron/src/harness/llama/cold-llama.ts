import type { Probe, ProbedModel } from '../../probe/probe.ts';
import type { ColdFacts, ColdModels, HarnessLoadSpec } from '../harness.ts';
import { checkSettings, type EngineDefaults, toEngineSpec } from './engine-spec.ts';
import { answerTokenizerRoute } from './tokenizer-routes.ts';

/** What the probe can say of GGUF files that are not loaded. */
export function createColdLlama(probe: Probe, defaults: EngineDefaults): ColdModels {
  const toProbed = (spec: HarnessLoadSpec): ProbedModel => ({
    file: { path: spec.modelPath, fingerprint: spec.fingerprint },
    spec: toEngineSpec(spec, defaults),
    visibleDevices: spec.placement.visibleDevices,
  });
  return {
    facts: (fingerprint) => toColdFacts(probe.known(fingerprint) ?? {}),
    async estimate(spec, budget) {
      checkSettings(spec.settings);
      return probe.estimate(toProbed(spec), budget);
    },
    async estimateLimits(spec, budget) {
      checkSettings(spec.settings);
      return probe.estimateLimits(toProbed(spec), budget);
    },
    inspect: async (spec) => toColdFacts(await probe.inspect(toProbed(spec))),
    serve: async (route, spec, body) => {
      const model = toProbed(spec);
      const { contextTokens } = probe.known(spec.fingerprint) ?? {};
      return probe.askTokenizer(model, (engine) =>
        answerTokenizerRoute(route, body, { engine, contextTokens }),
      );
    },
  };
}

const toColdFacts = ({
  capabilities,
  contextTokens,
}: {
  readonly capabilities?: readonly string[] | undefined;
  readonly contextTokens?: number | undefined;
}): ColdFacts => ({
  ...(capabilities && { capabilities }),
  ...(contextTokens !== undefined && { contextTokens }),
});
