/** Reads GBNF and generates random texts that it accepts, independently of llama.cpp. */

type Node =
  | { kind: 'literal'; text: string }
  | { kind: 'class'; negated: boolean; ranges: [number, number][] }
  | { kind: 'ref'; name: string }
  | { kind: 'seq'; items: Node[] }
  | { kind: 'alt'; options: Node[] }
  | { kind: 'repeat'; item: Node; min: number; max: number };

export class GbnfSampler {
  readonly #rules = new Map<string, Node>();
  readonly #cost = new Map<string, number>();
  #text = '';
  #at = 0;

  constructor(grammar: string) {
    for (const line of grammar.trim().split('\n')) {
      const split = line.indexOf(' ::= ');
      this.#text = line.slice(split + 5);
      this.#at = 0;
      const node = this.#alternatives();
      if (this.#at < this.#text.length)
        throw new Error(`GBNF: unexpected "${this.#text.slice(this.#at)}" in ${line}`);
      this.#rules.set(line.slice(0, split), node);
    }
    for (const node of this.#rules.values()) this.#checkRefs(node);
    this.#computeCosts();
  }

  /**
   * @param random - Numbers in [0, 1).
   * @param budget - Rule expansions after which every choice takes the shortest alternative.
   */
  sample(random: () => number, budget = 60): string {
    let left = budget;
    const pick = (node: Node): string => {
      switch (node.kind) {
        case 'literal':
          return node.text;
        case 'class':
          return this.#char(node, random);
        case 'seq':
          return node.items.map(pick).join('');
        case 'repeat': {
          const spread = Number.isFinite(node.max) ? node.max - node.min : 3;
          const extra = left > 0 ? Math.floor(random() * (spread + 1)) : 0;
          return Array.from({ length: node.min + extra }, () => pick(node.item)).join('');
        }
        case 'ref': {
          left--;
          const target = this.#rules.get(node.name);
          if (target === undefined) throw new Error(`no rule ${node.name}`);
          return pick(target);
        }
        case 'alt': {
          const open = node.options.filter((option) => this.#costOf(option) < Infinity);
          if (left > 0) return pick(open[Math.floor(random() * open.length)] ?? node);
          return pick(open.reduce((a, b) => (this.#costOf(b) < this.#costOf(a) ? b : a)));
        }
      }
    };
    return pick({ kind: 'ref', name: 'root' });
  }

  #char(node: { negated: boolean; ranges: [number, number][] }, random: () => number): string {
    if (!node.negated) {
      const range = node.ranges[Math.floor(random() * node.ranges.length)];
      if (range === undefined) throw new Error('empty class');
      const width = Math.min(range[1] - range[0], 2000);
      let code = range[0] + Math.floor(random() * (width + 1));
      if (code >= 0xd800 && code <= 0xdfff) code = range[0];
      return String.fromCodePoint(code);
    }
    for (const code of [
      97 + Math.floor(random() * 26),
      32 + Math.floor(random() * 95),
      0x1f600,
      0xe9,
      0x4e2d,
      33,
      48,
      95,
    ]) {
      if (!node.ranges.some(([a, b]) => code >= a && code <= b)) return String.fromCodePoint(code);
    }
    throw new Error('class excludes all');
  }

  #costOf(node: Node): number {
    switch (node.kind) {
      case 'literal':
        return node.text.length;
      case 'class':
        return node.negated && node.ranges.some(([a, b]) => a === 0 && b >= 0x10ffff)
          ? Infinity
          : 1;
      case 'seq':
        return node.items.reduce((sum, item) => sum + this.#costOf(item), 0);
      case 'alt':
        return Math.min(...node.options.map((option) => this.#costOf(option)));
      case 'repeat':
        return node.min === 0 ? 0 : node.min * this.#costOf(node.item);
      case 'ref':
        return this.#cost.get(node.name) ?? Infinity;
    }
  }

  #computeCosts(): void {
    for (let changed = true; changed;) {
      changed = false;
      for (const [name, node] of this.#rules) {
        const cost = 1 + this.#costOf(node);
        if (cost < (this.#cost.get(name) ?? Infinity)) {
          this.#cost.set(name, cost);
          changed = true;
        }
      }
    }
  }

  #checkRefs(node: Node): void {
    if (node.kind === 'ref' && !this.#rules.has(node.name))
      throw new Error(`GBNF: undefined rule ${node.name}`);
    if (node.kind === 'seq') for (const item of node.items) this.#checkRefs(item);
    if (node.kind === 'alt') for (const item of node.options) this.#checkRefs(item);
    if (node.kind === 'repeat') this.#checkRefs(node.item);
  }

  #space(): void {
    while (this.#text[this.#at] === ' ') this.#at++;
  }

  #alternatives(): Node {
    const options = [this.#sequence()];
    while (this.#text[this.#at] === '|') {
      this.#at++;
      options.push(this.#sequence());
    }
    return options.length === 1 && options[0] ? options[0] : { kind: 'alt', options };
  }

  #sequence(): Node {
    const items: Node[] = [];
    for (
      this.#space();
      this.#at < this.#text.length && !'|)'.includes(this.#text[this.#at] ?? '');
      this.#space()
    ) {
      items.push(this.#quantified(this.#atom()));
    }
    return { kind: 'seq', items };
  }

  #quantified(item: Node): Node {
    const rest = this.#text.slice(this.#at);
    const braces = /^\{(\d+)(,(\d*))?\}/.exec(rest);
    if (braces) {
      this.#at += braces[0].length;
      const min = Number(braces[1]);
      return {
        kind: 'repeat',
        item,
        min,
        max: braces[2] === undefined ? min : braces[3] === '' ? Infinity : Number(braces[3]),
      };
    }
    const bounds = { '*': [0, Infinity], '+': [1, Infinity], '?': [0, 1] }[rest[0] ?? ''];
    if (!bounds) return item;
    this.#at++;
    return { kind: 'repeat', item, min: bounds[0] ?? 0, max: bounds[1] ?? 0 };
  }

  #atom(): Node {
    const char = this.#text[this.#at];
    if (char === '(') {
      this.#at++;
      const node = this.#alternatives();
      if (this.#text[this.#at++] !== ')') throw new Error('GBNF: ) expected');
      return node;
    }
    if (char === '"') return this.#literal();
    if (char === '[') return this.#class();
    const name = /^[\w-]+/.exec(this.#text.slice(this.#at))?.[0];
    if (!name) throw new Error(`GBNF: unexpected "${this.#text.slice(this.#at)}"`);
    this.#at += name.length;
    return { kind: 'ref', name };
  }

  #literal(): Node {
    let text = '';
    for (this.#at++; this.#text[this.#at] !== '"';) text += String.fromCodePoint(this.#charCode());
    this.#at++;
    return { kind: 'literal', text };
  }

  #class(): Node {
    this.#at++;
    const negated = this.#text[this.#at] === '^';
    if (negated) this.#at++;
    const ranges: [number, number][] = [];
    while (this.#text[this.#at] !== ']') {
      const from = this.#charCode();
      let to = from;
      if (this.#text[this.#at] === '-' && this.#text[this.#at + 1] !== ']') {
        this.#at++;
        to = this.#charCode();
      }
      ranges.push([from, to]);
    }
    this.#at++;
    return { kind: 'class', negated, ranges };
  }

  #charCode(): number {
    if (this.#at >= this.#text.length) throw new Error('GBNF: unexpected end');
    if (this.#text[this.#at] !== '\\') {
      const code = this.#text.codePointAt(this.#at) ?? 0;
      this.#at += code > 0xffff ? 2 : 1;
      return code;
    }
    const kind = this.#text[this.#at + 1] ?? '';
    const hex = { x: 2, u: 4, U: 8 }[kind];
    this.#at += 2;
    if (hex) {
      const code = Number.parseInt(this.#text.slice(this.#at, this.#at + hex), 16);
      this.#at += hex;
      return code;
    }
    const short = { n: 10, r: 13, t: 9 }[kind];
    if (short) return short;
    if ('"\\[]'.includes(kind)) return kind.charCodeAt(0);
    throw new Error(`GBNF: escape \\${kind}`);
  }
}
