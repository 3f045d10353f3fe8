export interface ReasoningMarkers {
  readonly open: string;
  readonly close: string;
}

/** The markers of reasoning. The first pair whose end marker is in the template is used. */
export const REASONING: readonly ReasoningMarkers[] = [
  { open: '<think>', close: '</think>' },
  { open: '<seed:think>', close: '</seed:think>' },
  { open: '<mm:think>', close: '</mm:think>' },
  { open: '[THINK]', close: '[/THINK]' },
  { open: '<|START_THINKING|>', close: '<|END_THINKING|>' },
  { open: '<thought>', close: '</thought>' },
  { open: '<thinking>', close: '</thinking>' },
  // Gemma 4 writes the channel name after the marker.
  { open: '<|channel>thought', close: '<channel|>' },
];
