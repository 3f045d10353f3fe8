/** Main of an engine process: runs the llama engine on the descriptor from its owner. */
import type { EngineChannel } from '../transport/engine-channel.ts';
import { processChannel } from '../transport/process-channel.ts';
import { serveEngine } from '../transport/serve-engine.ts';
import { createLlamaEngine } from './llama-engine.ts';

/** Runs the llama engine on a channel. */
export const serveLlama = (channel: EngineChannel): Promise<void> =>
  serveEngine(createLlamaEngine(), channel);

if (import.meta.main) await serveLlama(processChannel());
