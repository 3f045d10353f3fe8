/**
 * Preloaded into the engine's process: measures the time of a step of one stream outside decodes and samples, which is
 * our scheduler, and prints the median of the last steps when the process ends.
 */
import { Model } from '../../packages/engine/src/llama/binding.ts';
import type { NativeContext } from '../../packages/engine/src/llama/native-types.ts';
import { median } from '../statistics.ts';
import { STEP_CLOCK_LINE } from './our-engine.ts';

const STEPS = 256;

/** Milliseconds, oldest first. */
const steps: number[] = [];
let decodedMs = 0;
let drawnMs = 0;
let beforeDrawMs = 0;

// oxlint-disable-next-line typescript/unbound-method -- called on its model below
const { createContext } = Model.prototype;
Model.prototype.createContext = async function timed(options) {
  const context = await createContext.call(this, options);
  watch(context.native);
  return context;
};

/** Replaces the methods directly, because a proxy would cost more than the measured time. */
function watch(native: NativeContext): void {
  const decodeBatch = native.decodeBatch.bind(native);
  const sampleToken = native.sampleToken.bind(native);
  const timedDecode = (): Promise<void> => {
    const beforeDecodeMs = performance.now() - drawnMs;
    if (drawnMs > 0) steps.push(beforeDecodeMs + beforeDrawMs);
    return decodeBatch().then(() => {
      decodedMs = performance.now();
    });
  };
  const timedSample = (...args: Parameters<typeof sampleToken>): Promise<unknown> => {
    beforeDrawMs = performance.now() - decodedMs;
    return sampleToken(...args).then((drawn: unknown) => {
      drawnMs = performance.now();
      return drawn;
    });
  };
  Object.defineProperties(native, {
    decodeBatch: { value: timedDecode },
    sampleToken: { value: timedSample },
  });
}

process.on('exit', () => {
  process.stderr.write(`${STEP_CLOCK_LINE} ${median(steps.slice(-STEPS))}\n`);
});
