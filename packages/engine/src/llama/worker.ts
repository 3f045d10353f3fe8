/** Main of an engine process: the llama engine on the descriptor its owner gave it. */
import { processChannel } from '../transport/process-channel.ts';
import { serveEngine } from '../transport/serve-engine.ts';
import { createLlamaEngine } from './llama-engine.ts';

if (import.meta.main) await serveEngine(createLlamaEngine(), processChannel());

export { createLlamaEngine };
