import { describe, expect, test } from 'bun:test';

import {
  allowedHostProblem,
  corsOriginProblem,
  isOwnName,
  isSameHost,
  originMatcher,
} from './origin-rules.ts';

describe('cors_origins', () => {
  test.each([
    '*',
    'https://chat.example',
    'http://localhost:3000',
    'http://[::1]:8080',
    'chrome-extension://*',
    'chrome-extension://abcdefghij',
    'vscode-webview://*',
    'tauri://localhost',
  ])('accepts %p', (entry) => {
    expect(corsOriginProblem(entry)).toBeUndefined();
  });

  test.each([
    ['', '"https://chat.example"'],
    ['  ', '"https://chat.example"'],
    ['chat.example', '"https://chat.example" or "http://chat.example"'],
    ['localhost:3000', '"https://localhost:3000" or "http://localhost:3000"'],
    ['https://chat.example/', '"https://chat.example"'],
    ['https://chat.example/app?x', '"https://chat.example"'],
    ['https://Chat.Example', '"https://chat.example"'],
    ['HTTPS://chat.example', '"https://chat.example"'],
    ['https://chat.example:443', '"https://chat.example"'],
    ['https://user@chat.example', '"https://chat.example"'],
    ['https://münchen.example', '"https://xn--mnchen-3ya.example"'],
    ['https://*', '"*"'],
    ['https://*.example', '"https://chat.example"'],
    ['*.example', '"https://chat.example"'],
    ['https://', '"https://chat.example"'],
    ['null', '"*"'],
    ['chrome-extension://', '"chrome-extension://*"'],
    ['chrome-extension://abc/page.html', '"chrome-extension://*"'],
    [' https://chat.example', '"https://chat.example"'],
  ])('refuses %p and suggests %s', (entry, suggestion) => {
    expect(corsOriginProblem(entry)).toContain(`write`);
    expect(corsOriginProblem(entry)).toContain(suggestion);
  });

  test('matches whole origins, whole schemes or everything', () => {
    const isListed = originMatcher(['https://chat.example', 'chrome-extension://*']);

    expect(isListed('https://chat.example')).toBe(true);
    expect(isListed('chrome-extension://abc')).toBe(true);
    for (const other of ['https://chat.example:444', 'http://chat.example', 'null', '', 'x'])
      expect(isListed(other)).toBe(false);
    expect(originMatcher(['*'])('null')).toBe(true);
  });
});

describe('allowed_hosts', () => {
  test.each(['cortex.example', 'cortex', 'a.b-c_d.example'])('accepts %p', (entry) => {
    expect(allowedHostProblem(entry)).toBeUndefined();
  });

  test.each([
    ['', '"cortex.example"'],
    ['https://cortex.example', '"cortex.example"'],
    ['cortex.example:31313', '"cortex.example"'],
    ['Cortex.Example', '"cortex.example"'],
    ['cortex.example/', '"cortex.example"'],
    ['*.example', '"cortex.example"'],
  ])('refuses %p and suggests %s', (entry, suggestion) => {
    expect(allowedHostProblem(entry)).toContain(`write ${suggestion}`);
  });
});

test.each([
  '127.0.0.1:31313',
  '[::1]:31313',
  '[2001:db8::1]',
  'localhost',
  'beast:31313',
  'beast.local',
  'Beast.LAN:80',
  'cortex.internal.',
  'a.home.arpa',
  'app.localhost',
  'cortex.example:443',
])('a page with the Host %p belongs to this server', (host) => {
  expect(isOwnName(host, new Set(['cortex.example']))).toBe(true);
});

test.each(['', 'evil.example', 'evil.example:31313', 'local.evil.example', 'x.cortex.example'])(
  'a page with the Host %p may belong to another site',
  (host) => {
    expect(isOwnName(host, new Set(['cortex.example']))).toBe(false);
  },
);

test.each([
  ['http://10.0.0.5:31313', '10.0.0.5:31313', true],
  ['https://cortex.example', 'cortex.example', true],
  ['http://10.0.0.5', '10.0.0.5:80', true],
  ['http://BEAST.local', 'beast.LOCAL', true],
  ['http://10.0.0.5:3000', '10.0.0.5:31313', false],
  ['http://10.0.0.5', '10.0.0.5:31313', false],
  ['chrome-extension://10.0.0.5', '10.0.0.5', false],
  ['null', '', false],
])('the origin %p matches the Host %p: %p', (origin, host, isSame) => {
  expect(isSameHost(origin, host)).toBe(isSame);
});
