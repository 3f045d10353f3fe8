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

/**
 * The elements of a list by their types, and their members: `input[message]`, `input[message].role`. Elements without a
 * type have none.
 */
type Elements<List extends string, E> = E extends { type?: infer T }
  ? `${List}[${Extract<T, string>}]` | `${List}[${Extract<T, string>}].${Exclude<Keys<E>, 'type'>}`
  : never;

/** The types of elements, whose members have no rows by type. */
type Types<List extends string, E> = E extends { type?: infer T }
  ? `${List}[${Extract<T, string>}]`
  : never;

type MessageParams = Anthropic.MessageCreateParams | Anthropic.Beta.MessageCreateParams;
type CountParams = Anthropic.MessageCountTokensParams | Anthropic.Beta.MessageCountTokensParams;

/** Tools that the client runs. Those that run at Anthropic are left out as a whole. */
type ClientTool =
  | Anthropic.Tool
  | Anthropic.Beta.BetaTool
  | Anthropic.ToolBash20250124
  | Anthropic.ToolTextEditor20250728;

type AnyBlock = Anthropic.ContentBlockParam | Anthropic.Beta.BetaContentBlockParam;
type ResultBlock = Element<
  Member<Anthropic.ToolResultBlockParam | Anthropic.Beta.BetaToolResultBlockParam, 'content'>
>;
type SystemBlock = Element<Member<Anthropic.Beta.BetaSystemMessageParam, 'content'>>;

/** Both routes have it, with members that matter. */
type Prompt<Params> =
  | Keys<Params>
  | Below<'messages[]', Element<Member<Params, 'messages'>>>
  | Below<'thinking', Member<Params, 'thinking'>>
  | Below<'tool_choice', Member<Params, 'tool_choice'>>
  | Below<'output_config', Member<Params, 'output_config'>>
  | Below<'tools[]', ClientTool>
  | Types<'tools', Anthropic.ToolUnion | Anthropic.Beta.BetaToolUnion>
  | Elements<'messages[].content', AnyBlock | SystemBlock>
  | Elements<'messages[].content[tool_result].content', ResultBlock>
  | Elements<'system', Anthropic.TextBlockParam>;

type ResponseParams = OpenAI.Responses.ResponseCreateParams;
type ResponseText = Member<ResponseParams, 'text'>;

/** Tools that a model here can have. Others are left out as a whole. */
type ResponseTool =
  OpenAI.Responses.FunctionTool | OpenAI.Responses.CustomTool | OpenAI.Responses.NamespaceTool;

type ResponsePart =
  | OpenAI.Responses.ResponseInputContent
  | OpenAI.Responses.ResponseInputAudio
  | OpenAI.Responses.ResponseOutputText
  | OpenAI.Responses.ResponseOutputRefusal;

type ChatMessage = OpenAI.Chat.ChatCompletionMessageParam;
type ChatPart = Element<Member<ChatMessage, 'content'>>;

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
    | Below<'tools[]', ResponseTool>
    | Types<'tools', OpenAI.Responses.Tool>
    | Elements<'input', OpenAI.Responses.ResponseInputItem>
    | Elements<'input[].content', ResponsePart>
    | Elements<'input[].output', OpenAI.Responses.ResponseFunctionCallOutputItem>,
    unknown
  >;
  /** The members alone: the engine pins the other fields to its schema. */
  '/v1/chat/completions': Record<
    | Below<'messages[]', ChatMessage>
    | Elements<'messages[].content', ChatPart>
    | Elements<'messages[].tool_calls', OpenAI.Chat.ChatCompletionMessageToolCall>
    | Elements<'tools', OpenAI.Chat.ChatCompletionTool>
    | Below<'tools[].function', OpenAI.FunctionDefinition>,
    unknown
  >;
  '/api/chat': Record<
    | Keys<Ollama.ChatRequest>
    | Below<'options', Ollama.Options>
    | Below<'messages[]', Ollama.Message>
    | Below<'messages[].tool_calls[]', Ollama.ToolCall>
    | Below<'messages[].tool_calls[].function', Ollama.ToolCall['function']>
    | Below<'tools[]', Ollama.Tool>
    | Below<'tools[].function', Ollama.Tool['function']>,
    unknown
  >;
  '/api/generate': Record<Keys<Ollama.GenerateRequest> | Below<'options', Ollama.Options>, unknown>;
  '/api/embed': Record<Keys<Ollama.EmbedRequest>, unknown>;
  '/api/embeddings': Record<Keys<Ollama.EmbeddingsRequest>, unknown>;
  '/api/show': Record<Keys<Ollama.ShowRequest>, unknown>;
}
