import { formatKeyPath, type KeyPath } from './key-path.ts';
import { type Setting } from './overlay-env.ts';
import { type TomlFile } from './toml-file.ts';

interface Origin {
  readonly text: string;
  readonly file?: string;
  readonly line?: number;
}

interface Place {
  readonly file: string;
  readonly line: number;
}

interface HowAdded {
  /** The key in the configuration of a key of the file. */
  readonly rename?: (key: string) => string;
  /** Whether the file adds to what settings have set. */
  readonly isAdded?: boolean;
}

/** The origin of every key over all files, environment and flags. */
export class Origins {
  readonly #places = new Map<string, Place>();
  readonly #settings = new Map<string, string>();
  /** Of files that add to what settings have set. */
  readonly #added = new Map<string, Place>();

  addFile(file: TomlFile, { rename = (key) => key, isAdded = false }: HowAdded = {}): void {
    const places = isAdded ? this.#added : this.#places;
    for (const [key, line] of file.lines) places.set(rename(key), { file: file.file, line });
  }

  /** The places of a file whose values apply only where no other sets the key. */
  addFileBelow(file: TomlFile): void {
    for (const [key, line] of file.lines)
      if (!this.#places.has(key)) this.#places.set(key, { file: file.file, line });
  }

  addSetting({ path, origin }: Setting): void {
    this.#settings.set(formatKeyPath(path), origin);
  }

  /** Origin of `path` or of its nearest ancestor that is set; undefined if none is. */
  of(path: KeyPath): Origin | undefined {
    const names = path.map((_, index) => formatKeyPath(path.slice(0, path.length - index)));
    const nearest = <T>(map: ReadonlyMap<string, T>): T | undefined =>
      map.get(names.find((name) => map.has(name)) ?? '');
    const added = nearest(this.#added);
    // A setting replaces the value of the file at its key and below, so settings come before it.
    const setting = added === undefined ? nearest(this.#settings) : undefined;
    if (setting !== undefined) return { text: setting };
    const place = added ?? nearest(this.#places);
    return place && { text: `${place.file}:${place.line}`, ...place };
  }
}
