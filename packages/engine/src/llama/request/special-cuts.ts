/** Below that a text is cheap to tokenise whole, whatever it holds. */
const PIECE_CHARS = 2048;

/**
 * `text` in pieces that give the same tokens one by one as together: cut right behind texts of special tokens.
 *
 * llama.cpp looks for every special token from each one found to the end of the text: 400 kB of `<|im_end|>` take 8 s,
 * in which the engine does nothing else. Pieces of a few kB take 10 ms. A cut is made where the special token before it
 * touches no other, and no white space that the token could swallow is behind it.
 *
 * @param specials - Texts of the special tokens of a byte-level vocabulary (others see the start of a text).
 */
export function cutAtSpecials(text: string, specials: readonly string[]): readonly string[] {
  if (text.length <= PIECE_CHARS || specials.length === 0) return [text];
  const longest = Math.max(...specials.map(({ length }) => length));
  const finder = new RegExp(specials.map(escaped).join('|'), 'g');
  const pieces: string[] = [];
  let start = 0;
  finder.lastIndex = PIECE_CHARS;
  for (let found = finder.exec(text); found !== null; found = finder.exec(text)) {
    const end = found.index + found[0].length;
    if (!/\s/.test(text[end] ?? ' ') && isAlone(found, { text, specials, longest })) {
      pieces.push(text.slice(start, end));
      start = end;
      finder.lastIndex = end + PIECE_CHARS;
    } else {
      finder.lastIndex = found.index + 1;
    }
  }
  pieces.push(text.slice(start));
  return pieces;
}

/** No other special token overlaps the one that was found. */
function isAlone(
  found: RegExpExecArray,
  { text, specials, longest }: { text: string; specials: readonly string[]; longest: number },
): boolean {
  const end = found.index + found[0].length;
  const from = Math.max(0, found.index - longest);
  const around = text.slice(from, end + longest);
  return specials.every((special) => {
    for (let at = around.indexOf(special); at >= 0; at = around.indexOf(special, at + 1)) {
      const [begins, ends] = [from + at, from + at + special.length];
      const isItself = begins === found.index && ends === end;
      if (!isItself && begins < end && ends > found.index) return false;
    }
    return true;
  });
}

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
