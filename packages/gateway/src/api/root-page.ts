/** `GET /`: lists the addresses of cortex, for people who open it in a browser or with curl. */
export function rootPage(origin: string, metricsUrl: string): Response {
  const text = `cortex: one address for the models of this fleet.

OpenAI           base URL ${origin}/v1
Anthropic        base URL ${origin}
Ollama           host ${origin}
chat             POST ${origin}/v1/chat/completions
models           ${origin}/v1/models
health           ${origin}/health
operators        ${origin}/admin/v1/nodes
OpenAPI          ${origin}/openapi.json
metrics          ${metricsUrl}/metrics
`;
  return new Response(text, { headers: { 'content-type': 'text/plain; charset=utf-8' } });
}
