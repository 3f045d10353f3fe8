/** What the commands ask of a gateway. */

export interface ModelCall {
  readonly model: string;
  readonly node?: string | undefined;
  readonly force?: boolean | undefined;
}

export interface PullCall {
  readonly model: string;
  readonly node?: string | undefined;
  /** Absent: that of models.toml. */
  readonly source?: string | undefined;
  readonly quant?: string | undefined;
}

export interface AddCall {
  readonly id: string;
  readonly source: string;
  readonly quant?: string | undefined;
  readonly context_length?: number | undefined;
}

export interface RemoveCall {
  readonly model: string;
  readonly node?: string | undefined;
  readonly files: boolean;
}

export interface PinCall {
  readonly model: string;
  readonly node?: string | undefined;
  readonly pinned: boolean;
}

export interface DrainCall {
  readonly node: string;
  readonly draining: boolean;
}

export interface FreeCall {
  readonly node: string;
  /** Seconds until the node loads models again; undefined: until the drain is undone. */
  readonly forS?: number | undefined;
}

/** A call of an API for clients. */
export interface Question {
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Absent: a GET. */
  readonly body?: Readonly<Record<string, unknown>> | undefined;
  /** Whether to wait until the model is loaded, instead of 30 s. */
  readonly isPatient?: boolean | undefined;
}

export type ExplainQuestion = { readonly model: string } | { readonly request: string };
