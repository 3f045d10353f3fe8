/** The scripted engine as an engine process. `SCRIPTED_ENGINE` can contain its options as JSON. */
import { processChannel, serveEngine } from '@cortex/engine';
import { z } from 'zod';

import { createScriptedEngine } from './scripted-engine.ts';

const Options = z.strictObject({ slots: z.int().optional(), contextTokens: z.int().optional() });

const options = Options.parse(JSON.parse(process.env['SCRIPTED_ENGINE'] ?? '{}'));

await serveEngine(createScriptedEngine(options), processChannel());
