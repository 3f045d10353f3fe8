/** The OpenAPI document of a program, made from the shapes of its routes. */
import { z } from 'zod';
import {
  createDocument,
  type ZodOpenApiObject,
  type ZodOpenApiOperationObject,
  type ZodOpenApiResponsesObject,
} from 'zod-openapi';

import { ErrorEnvelope } from '../openai.ts';
import type { Operation } from './operation.ts';

export interface ProgramInfo {
  readonly title: string;
  readonly version: string;
  readonly description: string;
  /** What the bearer token is. */
  readonly key: string;
  /** Shapes that get a name of their own in the document. */
  readonly shapes: Readonly<Record<string, z.ZodType>>;
}

const KEY = 'key';

const json = (schema: z.ZodType) => ({ 'application/json': { schema } });

function contentOf(answer: Operation['answers'][number]) {
  if ('events' in answer) return { 'text/event-stream': { schema: answer.events } };
  if ('text' in answer) return { [answer.text]: { schema: z.string() } };
  return json(answer);
}

const WORDS: Readonly<Record<string, string>> = { 200: 'OK', 202: 'Accepted: it is under way' };

function responsesOf({ answers }: Operation): ZodOpenApiResponsesObject {
  const named = Object.entries(answers).map(([status, answer]) => [
    status,
    { description: WORDS[status] ?? '', content: contentOf(answer) },
  ]);
  return {
    ...Object.fromEntries(named),
    default: { description: 'An error', content: json(ErrorEnvelope) },
  };
}

/** The parameters in the path of an operation. */
const parametersIn = (path: string): string[] =>
  [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);

function toOpenApi(operation: Operation): ZodOpenApiOperationObject {
  const { id, tag, summary, path, query, body, isBodyOptional = false, isOpen } = operation;
  const names = parametersIn(path);
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...((names.length > 0 || query !== undefined) && {
      requestParams: {
        ...(names.length > 0 && {
          path: z.object(Object.fromEntries(names.map((name) => [name, z.string()]))),
        }),
        ...(query !== undefined && { query }),
      },
    }),
    ...(body !== undefined && { requestBody: { required: !isBodyOptional, content: json(body) } }),
    responses: responsesOf(operation),
    ...(isOpen === true && { security: [] }),
  };
}

/** The OpenAPI 3.1 document with all `operations`. */
export function openApiDocument(
  { title, version, description, key, shapes }: ProgramInfo,
  operations: readonly Operation[],
): ReturnType<typeof createDocument> {
  // Registered shapes are components. As members of `components` they would be there twice: for bodies and for answers.
  for (const [id, shape] of Object.entries({ ...shapes, Error: ErrorEnvelope }))
    z.globalRegistry.add(shape, { id });
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {};
  for (const operation of operations) {
    const { path, method } = operation;
    paths[path] = { ...paths[path], [method]: toOpenApi(operation) };
  }
  const document: ZodOpenApiObject = {
    openapi: '3.1.1',
    info: {
      title,
      version,
      description,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    security: [{ [KEY]: [] }],
    tags: [...new Set(operations.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: { [KEY]: { type: 'http', scheme: 'bearer', description: key } },
    },
  };
  return createDocument(document);
}
