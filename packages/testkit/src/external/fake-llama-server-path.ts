import { fileURLToPath } from 'node:url';

/** The program to run as `llama-server`, with this runtime. */
export const FAKE_LLAMA_SERVER = fileURLToPath(new URL('fake-llama-server.ts', import.meta.url));
