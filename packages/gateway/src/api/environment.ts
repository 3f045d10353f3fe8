/** What a handler gets beside the request: the listener it came in by. */
export interface Environment {
  Bindings: { readonly server: Bun.Server<undefined> };
}
