import { NO_GPU_ENV, type Placement } from '../../devices/device.ts';
import type { Probe, ProbedModel } from '../../probe/probe.ts';
import type { ColdFacts, ColdModels, HarnessFiles, HarnessLoadSpec } from '../harness.ts';
import { checkSettings, type EngineDefaults, toEngineSpec } from './engine-spec.ts';
import { answerTokenizerRoute } from './tokenizer-routes.ts';

/** Vocabulary and template are read on the CPU, even if the model will run on a GPU. */
const ON_CPU: Placement = { backend: 'cpu', deviceIndexes: [], env: NO_GPU_ENV };

/** Answers about GGUF files that are not loaded, from the probe. */
export function createColdLlama(probe: Probe, defaults: EngineDefaults): ColdModels {
  const toProbed = (spec: HarnessLoadSpec): ProbedModel => ({
    file: { path: spec.modelPath, fingerprint: spec.fingerprint },
    spec: toEngineSpec(spec, defaults),
    env: spec.placement.env,
  });
  const onCpu = (files: HarnessFiles): ProbedModel => toProbed({ ...files, placement: ON_CPU });
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
    inspect: async (files) => toColdFacts(await probe.inspect(onCpu(files))),
    serve: async (route, files, body) => {
      const { contextTokens } = probe.known(files.fingerprint) ?? {};
      return probe.askTokenizer(onCpu(files), (engine) =>
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
  capabilities,
  contextTokens,
});
