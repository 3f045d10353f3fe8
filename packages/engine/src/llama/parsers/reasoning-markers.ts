export interface ReasoningMarkers {
  readonly open: string;
  readonly close: string;
}

/** The markers that models put around reasoning; the first pair whose end a template names is the model's. */
export const REASONING: readonly ReasoningMarkers[] = [
  { open: '<think>', close: '</think>' },
  { open: '<seed:think>', close: '</seed:think>' },
  { open: '<mm:think>', close: '</mm:think>' },
  { open: '[THINK]', close: '[/THINK]' },
  { open: '<|START_THINKING|>', close: '<|END_THINKING|>' },
  { open: '<thought>', close: '</thought>' },
  { open: '<thinking>', close: '</thinking>' },
  // Gemma 4 names the channel behind the marker.
  { open: '<|channel>thought', close: '<channel|>' },
];
