import { ANTHROPIC_FIELDS } from './anthropic/fields.ts';
import type { DialectFields } from './neutral/dialect-field.ts';
import { OLLAMA_FIELDS } from './ollama/fields.ts';
import { RESPONSES_FIELDS } from './responses/fields.ts';

/** Every field of the APIs that are translated. A field that is not here is tolerated: a newer client must not fail. */
export const DIALECT_FIELDS: readonly DialectFields[] = [
  ...ANTHROPIC_FIELDS,
  ...RESPONSES_FIELDS,
  ...OLLAMA_FIELDS,
];
