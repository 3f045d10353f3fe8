import { describe, expect, test } from 'bun:test';

import { nodeEndpoint, sameEndpoint } from './node-endpoint.ts';

/** The message for an operator; undefined for a valid endpoint. */
const problemOf = (text: string): string | undefined =>
  nodeEndpoint.safeParse(text).error?.issues[0]?.message;

describe('an endpoint of a neuron', () => {
  test.each([
    'http://beast:13131',
    'http://beast.internal:13131/',
    'https://10.0.0.5',
    'HTTP://Beast:13131',
    'http://[::1]:13131',
    'http://[fe80:0:0:0:0:0:0:1]',
    'http://bücher.example:13131',
    'http://my_node:1',
    'https://proxy.example/nodes/beast',
  ])('can be %p', (text) => {
    expect(problemOf(text)).toBeUndefined();
  });

  test.each([
    ['', 'is empty: write http://host:port'],
    ['beast', 'has no scheme: write http://beast'],
    ['beast:13131', 'has no scheme: write http://beast:13131'],
    ['10.0.0.5:13131', 'has no scheme: write http://10.0.0.5:13131'],
    ['[::1]:13131', 'has no scheme: write http://[::1]:13131'],
    ['fe80::1', 'has no scheme: write http://[fe80::1]'],
    ['//beast:13131', 'is not a URL'],
    [':13131', 'is not a URL'],
    ['http:beast:13131', 'must begin with http:// or https:// and a host'],
    ['http:/beast:13131', 'must begin with http:// or https:// and a host'],
    ['http:///beast:13131', 'must begin with http:// or https:// and a host'],
    ['ftp://beast', 'must begin with http:// or https:// and a host'],
    ['unix:/run/neuron.sock', 'must begin with http:// or https:// and a host'],
    ['http://', 'has no host'],
    ['http://:13131', 'has no host'],
    ['http://beast:13131 ', 'has a space in it'],
    ['http://be ast:13131', 'has a space in it'],
    ['http://beast\n:13131', 'has a space in it'],
    ['http://beast:99999', 'has the port 99999'],
    ['http://beast:0', 'has the port 0'],
    ['http://beast:port', 'is not a valid URL'],
    ['http://::1:13131', 'needs brackets around the IPv6 address: write http://[::1]:13131'],
    ['http://fe80::1', 'write http://[fe80::1]'],
    ['http://[fe80::1%eth0]:13131', 'has a zone in its IPv6 address'],
    ['http://0.0.0.0:13131', 'stands for every address of a machine: write 127.0.0.1'],
    ['http://[::]:13131', 'stands for every address of a machine'],
    ['http://*:13131', 'stands for every address of a machine'],
    ['http://*.lan:13131', 'has a "*" in its host'],
    ['http://13131', 'has the host 13131, which means the address 0.0.51.75'],
    ['http://10.5:13131', 'which means the address 10.0.0.5'],
    ['http://256.1.1.1', 'is not a valid URL'],
    ['http://beast:13131/v1', 'ends with /v1: write it without /v1'],
    ['http://beast:13131/v1/', 'ends with /v1'],
  ])('cannot be %p, and the error says why', (text, words) => {
    expect(problemOf(text)).toStartWith(`${JSON.stringify(text)} `);
    expect(problemOf(text)).toContain(words);
  });

  test.each(['http://me:secret@a:1', 'me:secret@a', 'http://a:1/?token=secret', 'http://a#secret'])(
    'cannot have a password, a query or a fragment, and the error does not repeat it: %p',
    (text) => {
      const problem = problemOf(text);

      expect(problem).toContain('without user name, query and fragment');
      expect(problem).not.toContain('secret');
    },
  );
});

test('two spellings of one endpoint are recognised as the same', () => {
  expect(sameEndpoint('HTTP://Beast:80/')).toBe(sameEndpoint('http://beast'));
  expect(sameEndpoint('http://beast:1/a/')).toBe(sameEndpoint('http://beast:1/a'));
  expect(sameEndpoint('http://beast:1')).not.toBe(sameEndpoint('http://beast:2'));
});
