/** What a route takes and answers, for `GET /openapi.json`. */
import type { z } from 'zod';

/** Server-sent events: each one's data has the shape. */
export interface EventsOf {
  readonly events: z.ZodType;
}

/** Text of a type that is not JSON. */
export interface TextOf {
  readonly text: string;
}

export interface Operation {
  readonly method: 'get' | 'post' | 'delete';
  /** With its parameters in braces: `/models/{id}`. Each is one string. */
  readonly path: string;
  /** Names it in generated clients. */
  readonly id: string;
  readonly tag: string;
  /** A sentence without a period. */
  readonly summary: string;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** The body may be empty. */
  readonly isBodyOptional?: boolean;
  /** By status. Every operation can also answer with an error. */
  readonly answers: Readonly<Record<number, z.ZodType | EventsOf | TextOf>>;
  /** Callers need no key. */
  readonly isOpen?: boolean;
}
