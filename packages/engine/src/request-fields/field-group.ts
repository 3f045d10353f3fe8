import type { FieldsOf } from '@cortex/protocol';

/** The routes whose bodies the table describes. */
export type FieldRoute = 'chat' | 'completions' | 'embeddings' | 'rerank';

export type FieldGroup = FieldsOf<FieldRoute>;
