export { checkFields, FIELD_GROUPS } from './check-fields.ts';
export type { FieldGroup, FieldRoute } from './field-group.ts';
export { MEMBER_GROUPS } from './member-fields.ts';
