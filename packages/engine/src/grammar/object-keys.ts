/** The members that a generated object has. */
import { anyText } from './any-text.ts';
import type { GrammarRules } from './grammar-rules.ts';
import { otherKeyRule } from './object-rules.ts';
import { asSchema, type FlatSchema, type Schema, unsupported } from './schema.ts';
import type { SchemaCheck } from './schema-check.ts';
import { listOf, stringBounds, typesOf } from './schema-keywords.ts';
import type { SchemaDocument } from './schema-merge.ts';
import { stringRule } from './string-rules.ts';

export interface NamedMember {
  readonly key: string;
  readonly schema: Schema;
  readonly isRequired: boolean;
}

export interface ObjectKeys {
  /** Declared members, in their order. */
  readonly named: readonly NamedMember[];
  /** Members with any other key; undefined if none may be written. */
  readonly others:
    { readonly schema: Schema; keyRule(rules: GrammarRules): string | undefined } | undefined;
}

interface Names {
  readonly document: SchemaDocument;
  readonly check: SchemaCheck;
}

/** The members of an object that satisfies `schema`, or undefined if a required one cannot be valid. */
export function objectKeys(schema: FlatSchema, { document, check }: Names): ObjectKeys | undefined {
  const properties = asSchema(schema['properties'], 'properties');
  const required = new Set(listOf(schema, 'required').map(String));
  const keys = new Set([...Object.keys(properties), ...required]);
  const additional = schema['additionalProperties'];
  const names = schema['propertyNames'];
  const nameSchema = asSchema(names, 'propertyNames');
  const named: NamedMember[] = [];
  for (const key of keys) {
    const isRequired = required.has(key);
    const verdict = names === undefined ? 'yes' : check.verdict(key, nameSchema);
    if (verdict === 'no' && isRequired) return undefined;
    if (verdict === 'unknown')
      throw unsupported(
        'propertyNames',
        `has a format that "${key}" may or may not satisfy; remove the format`,
      );
    const declared = Object.hasOwn(properties, key) ? properties[key] : additional;
    if (verdict === 'yes')
      named.push({ key, schema: asSchema(declared, 'properties'), isRequired });
  }
  // Without `additionalProperties` further properties are not written: that is what callers expect, and always valid.
  if (additional === false || (additional === undefined && keys.size > 0))
    return { named, others: undefined };
  const other = asSchema(additional, 'additionalProperties');
  if (names === undefined)
    return { named, others: { schema: other, keyRule: (rules) => otherKeyRule(rules, [...keys]) } };
  const options = document.flat(nameSchema).filter(allowsText);
  const listed = options.map((option) => option['enum']);
  const isListed = listed.every((values) => Array.isArray(values));
  const others = new Set(
    listed
      .filter((values) => Array.isArray(values))
      .flat()
      .filter((key) => typeof key === 'string')
      .filter((key) => !keys.has(key) && check.verdict(key, nameSchema) === 'yes'),
  );
  if (isListed) {
    const rest = Array.from(others, (key) => ({ key, schema: other, isRequired: false }));
    return { named: [...named, ...rest], others: undefined };
  }
  const keyRule = (rules: GrammarRules): string | undefined => {
    const ruled = options
      .filter((option) => option['enum'] === undefined)
      .map((option) => freeKeyRule(rules, option, [...keys]));
    const texts = Array.from(others, (key) => JSON.stringify(key));
    const all = [
      ...ruled.filter((rule) => rule !== undefined),
      ...(texts.length > 0 ? [anyText(rules, texts)] : []),
    ];
    return all.length === 0 ? undefined : rules.add('key', all.join(' | '));
  };
  return { named, others: { schema: other, keyRule } };
}

const allowsText = (option: FlatSchema): boolean =>
  Array.isArray(option['enum']) ||
  option['type'] === undefined ||
  typesOf(option).includes('string');

function freeKeyRule(
  rules: GrammarRules,
  option: FlatSchema,
  names: readonly string[],
): string | undefined {
  const bounds = stringBounds(option);
  if (Object.keys(bounds).length === 0) return otherKeyRule(rules, names);
  return stringRule(rules, names.length === 0 ? bounds : { ...bounds, except: names });
}
