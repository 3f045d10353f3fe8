import { expect, test } from 'bun:test';

import { ImageSearch } from './body-size.ts';

const isFound = (...chunks: readonly string[]): boolean => {
  const search = new ImageSearch();
  for (const chunk of chunks) search.add(new TextEncoder().encode(chunk));
  return search.isFound;
};

const PART = '{"type":"image_url","image_url":{"url":"data:"}}';

test('an image part is found wherever the body is cut', () => {
  for (let at = 0; at <= PART.length; at += 1) {
    expect(isFound('[1, 2, ', PART.slice(0, at), PART.slice(at), ']')).toBe(true);
  }
});

test('a text that mentions an image part is not one, wherever the body is cut', () => {
  const text = JSON.stringify({ content: 'send "image_url" please' });
  for (let at = 0; at <= text.length; at += 1) {
    expect(isFound(text.slice(0, at), text.slice(at))).toBe(false);
  }
});
