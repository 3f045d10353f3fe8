/** What a handler gets in addition to the request: its listener. */
export interface Environment {
  Bindings: { readonly server: Bun.Server<undefined> };
}
