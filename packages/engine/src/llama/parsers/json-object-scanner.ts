/** Scans the JSON text of one object to find its end. Does not validate the JSON completely. */
export class JsonObjectScanner {
  #depth = 0;
  #isInString = false;
  #isEscaped = false;
  #isDone = false;

  get isDone(): boolean {
    return this.#isDone;
  }

  /** The number of characters of `text` that belong to the object; all of them while it is open. */
  scan(text: string): number {
    for (let i = 0; i < text.length; i++) {
      this.#step(text.charCodeAt(i));
      if (this.#isDone) return i + 1;
    }
    return text.length;
  }

  #step(code: number): void {
    if (this.#isInString) {
      if (this.#isEscaped) this.#isEscaped = false;
      else if (code === 0x5c) this.#isEscaped = true;
      else if (code === 0x22) this.#isInString = false;
      return;
    }
    switch (code) {
      case 0x22:
        this.#isInString = true;
        return;
      case 0x7b:
      case 0x5b:
        this.#depth++;
        return;
      case 0x7d:
      case 0x5d:
        this.#depth--;
        this.#isDone = this.#depth === 0;
    }
  }
}
