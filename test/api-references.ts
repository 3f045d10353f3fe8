/** The fields of requests that the official clients know: the references of their APIs, as types. */
import type Anthropic from '@anthropic-ai/sdk';
import type * as Ollama from 'ollama';
import type OpenAI from 'openai';

/** The members of an object in each of its forms. A list and a string have none. */
type Keys<T> = T extends readonly unknown[] ? never : T extends object ? keyof T & string : never;

type Member<T, K extends string> = T extends Partial<Record<K, infer V>> ? NonNullable<V> : never;

type Element<T> = T extends readonly (infer E)[] ? E : never;

/** The paths of the members of `T`, which is at `Path`. */
type Below<Path extends string, T> = `${Path}.${Keys<T>}`;

type MessageParams = Anthropic.MessageCreateParams | Anthropic.Beta.MessageCreateParams;
type CountParams = Anthropic.MessageCountTokensParams | Anthropic.Beta.MessageCountTokensParams;

/** Tools that the client runs. Those that run at Anthropic are left out as a whole. */
type ClientTool =
  | Anthropic.Tool
  | Anthropic.Beta.BetaTool
  | Anthropic.ToolBash20250124
  | Anthropic.ToolTextEditor20250728;

/** Both routes have it, with members that matter. */
type Prompt<Params> =
  | Keys<Params>
  | Below<'messages[]', Element<Member<Params, 'messages'>>>
  | Below<'thinking', Member<Params, 'thinking'>>
  | Below<'tool_choice', Member<Params, 'tool_choice'>>
  | Below<'output_config', Member<Params, 'output_config'>>
  | Below<'tools[]', ClientTool>;

type ResponseParams = OpenAI.Responses.ResponseCreateParams;
type ResponseText = Member<ResponseParams, 'text'>;

/** Tools that a model here can have. Others are left out as a whole. */
type ResponseTool =
  OpenAI.Responses.FunctionTool | OpenAI.Responses.CustomTool | OpenAI.Responses.NamespaceTool;

/** The fields of each route, by their paths. */
export interface ApiReferences {
  '/v1/messages': Record<
    | Prompt<MessageParams>
    | Below<'metadata', Member<MessageParams, 'metadata'>>
    | Below<'output_config.format', Anthropic.JSONOutputFormat>,
    unknown
  >;
  '/v1/messages/count_tokens': Record<Prompt<CountParams>, unknown>;
  '/v1/responses': Record<
    | Keys<ResponseParams>
    | Below<'stream_options', Member<ResponseParams, 'stream_options'>>
    | Below<'reasoning', Member<ResponseParams, 'reasoning'>>
    | Below<'text', ResponseText>
    | Below<'text.format', Member<ResponseText, 'format'>>
    | Below<'tool_choice', Member<ResponseParams, 'tool_choice'>>
    | Below<'tools[]', ResponseTool>,
    unknown
  >;
  '/api/chat': Record<
    | Keys<Ollama.ChatRequest>
    | Below<'options', Ollama.Options>
    | Below<'messages[]', Ollama.Message>
    | Below<'tools[]', Ollama.Tool>
    | Below<'tools[].function', Ollama.Tool['function']>,
    unknown
  >;
  '/api/generate': Record<Keys<Ollama.GenerateRequest> | Below<'options', Ollama.Options>, unknown>;
  '/api/embed': Record<Keys<Ollama.EmbedRequest>, unknown>;
  '/api/embeddings': Record<Keys<Ollama.EmbeddingsRequest>, unknown>;
  '/api/show': Record<Keys<Ollama.ShowRequest>, unknown>;
}
