/** What a name asked for stands for. */
export type Resolution =
  | {
      readonly kind: 'model';
      readonly model: string;
      /** Asked for as `id@node`. */
      readonly node?: string;
      readonly viaAlias: boolean;
    }
  | { readonly kind: 'unknown'; readonly near: readonly string[] };
