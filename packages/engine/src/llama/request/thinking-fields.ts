import { z } from 'zod';

import { flag, NO_LIMIT, optional, wholeFrom } from './body-values.ts';

const EFFORTS = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const;
export type Effort = (typeof EFFORTS)[number];

const Effort = z.enum(EFFORTS);

const budget = wholeFrom(NO_LIMIT);

/** All fields with which clients switch thinking on or off. */
export const THINKING_FIELDS = {
  enable_thinking: optional(flag),
  think: optional(
    z.union([z.boolean(), Effort], `must be true, false or one of ${EFFORTS.join(', ')}`),
  ),
  reasoning_effort: optional(Effort),
  reasoning: optional(
    z.looseObject(
      {
        effort: optional(Effort),
        enabled: optional(flag),
        max_tokens: optional(budget),
        exclude: optional(z.literal(false, 'must be false: thoughts are always returned')),
      },
      'must be an object',
    ),
  ),
  thinking: optional(
    z.looseObject(
      {
        type: z.enum(['enabled', 'adaptive', 'disabled']),
        budget_tokens: optional(budget),
      },
      'must be an object with "type"',
    ),
  ),
  thinking_budget_tokens: optional(budget),
  reasoning_budget_tokens: optional(budget),
  thinking_token_budget: optional(budget),
  thinking_budget: optional(budget),
} as const;

type ThinkingBody = {
  readonly [K in keyof typeof THINKING_FIELDS]?: z.infer<(typeof THINKING_FIELDS)[K]>;
};

/** The thinking options of a request; undefined members use the model's default. */
export interface ThinkingRequest {
  readonly isOn: boolean | undefined;
  readonly effort: Effort | undefined;
  /** The most reasoning tokens. */
  readonly budgetTokens: number | undefined;
}

/** Whether an effort means thinking on, for a model that only supports on and off. */
const isThinking = (effort: Effort): boolean => effort !== 'none' && effort !== 'minimal';

export function readThinking(body: ThinkingBody): ThinkingRequest {
  const { think, reasoning, thinking } = body;
  const effort =
    body.reasoning_effort ?? reasoning?.effort ?? (typeof think === 'string' ? think : undefined);
  const isOn =
    body.enable_thinking ??
    (typeof think === 'boolean' ? think : undefined) ??
    (effort === undefined ? undefined : isThinking(effort)) ??
    reasoning?.enabled ??
    (thinking === undefined ? undefined : thinking.type !== 'disabled');
  const budgetTokens =
    body.thinking_budget_tokens ??
    body.reasoning_budget_tokens ??
    body.thinking_token_budget ??
    body.thinking_budget ??
    reasoning?.max_tokens ??
    thinking?.budget_tokens;
  return {
    isOn,
    effort,
    budgetTokens: budgetTokens === NO_LIMIT ? undefined : budgetTokens,
  };
}
