export { checkFields, FIELD_GROUPS } from './check-fields.ts';
export type { FieldGroup, FieldRoute, FieldRule } from './field-rule.ts';
