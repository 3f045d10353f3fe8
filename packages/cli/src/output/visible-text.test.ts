import { expect, test } from 'bun:test';

import { visibleLine, visibleText } from './visible-text.ts';

test('control characters become escapes, every other character stays as it is', () => {
  expect(visibleText('a\u001B[31mb\u0007\u009Bc\rd\u202Ee')).toBe(
    String.raw`a\u001b[31mb\u0007\u009bc\u000dd\u202ee`,
  );
  expect(visibleText('模型 🦙 é\n\tمرحبا')).toBe('模型 🦙 é\n\tمرحبا');
});

test('line ends and tabs become escapes in text that must stay on one line', () => {
  expect(visibleLine('a\nb\tc\u2028d')).toBe(String.raw`a\u000ab\u0009c\u2028d`);
});
