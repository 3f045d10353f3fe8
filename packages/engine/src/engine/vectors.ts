export interface EmbedRequest {
  /** Texts, or lists of tokens, which the engine uses unchanged. */
  readonly inputs: readonly (string | readonly number[])[];
  /** Length of the vectors; absent: the model's own. */
  readonly dimensions?: number | undefined;
  /** The principal of the request; principals take turns. All requests without one share a turn. */
  readonly principal?: string | undefined;
}

export interface Embeddings {
  /** L2-normalised, in the order of the inputs. */
  readonly vectors: readonly (readonly number[])[];
  readonly promptTokens: number;
}

export interface RerankRequest {
  readonly query: string;
  readonly documents: readonly string[];
  /** As in `EmbedRequest`. */
  readonly principal?: string | undefined;
}

export interface RerankScores {
  /** 0 to 1, in the order of the documents. */
  readonly scores: readonly number[];
  readonly promptTokens: number;
}
