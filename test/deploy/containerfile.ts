/** Reads the Containerfiles. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { DockerfileParser, type Instruction } from 'dockerfile-ast';
import { z } from 'zod';

import { DEPLOY } from './deploy-check.ts';

export const IMAGES = ['cortex', 'neuron'] as const;
export type Image = (typeof IMAGES)[number];

/** An instruction, with the values of the variables of the build. */
export interface Step {
  readonly keyword: string;
  /** Without comments and continued lines. */
  readonly text: string;
  /** The elements of its JSON array; undefined: it has none. */
  readonly exec: readonly string[] | undefined;
}

/** One FROM and what follows. */
export interface Stage {
  readonly name: string;
  readonly from: string;
  readonly steps: readonly Step[];
}

/** What follows the keyword, in one line. */
const argumentsOf = (instruction: Instruction): string =>
  instruction
    .getTextContent()
    .slice(instruction.getKeyword().length)
    .split('\n')
    .filter((line) => !line.trim().startsWith('#'))
    .map((line) => line.replace(/\\\s*$/, '').trim())
    .join(' ')
    .trim();

const Texts = z.array(z.string());

function stepOf(instruction: Instruction, expand: (text: string) => string): Step {
  const text = expand(argumentsOf(instruction));
  // Of HEALTHCHECK, the array follows flags and CMD.
  const [array] = /\[".*\]$/.exec(text) ?? [];
  return {
    keyword: instruction.getKeyword(),
    text,
    exec: array === undefined ? undefined : Texts.parse(JSON.parse(array)),
  };
}

/** The stages of a Containerfile. @param args - Build arguments; absent ones have their defaults. */
export function readStages(image: Image, args: Readonly<Record<string, string>> = {}): Stage[] {
  const text = readFileSync(join(DEPLOY, `container/Containerfile.${image}`), 'utf8');
  const file = DockerfileParser.parse(text);
  const values = new Map<string, string>();
  const expand = (raw: string): string =>
    raw.replaceAll(/\$\{(\w+)\}/g, (whole, name: string) => values.get(name) ?? whole);
  const stages: { name: string; from: string; steps: Step[] }[] = [];
  for (const instruction of file.getInstructions()) {
    const step = stepOf(instruction, expand);
    if (step.keyword === 'ARG') {
      const [name = '', value] = step.text.split('=');
      const given = args[name] ?? value;
      if (given !== undefined) values.set(name, given);
    } else if (step.keyword === 'FROM') {
      const [from = '', , name = ''] = step.text.split(' ');
      stages.push({ from, name, steps: [] });
    } else stages.at(-1)?.steps.push(step);
  }
  return stages;
}

/** The steps of the image: those of its last stage, after those of the stages that it is made from. */
export function imageSteps(stages: readonly Stage[]): {
  readonly base: string;
  readonly steps: readonly Step[];
} {
  const follow = (stage: Stage | undefined): { base: string; steps: Step[] } => {
    if (stage === undefined) return { base: '', steps: [] };
    const below = stages.find(({ name }) => name === stage.from);
    if (below === undefined) return { base: stage.from, steps: [...stage.steps] };
    const { base, steps } = follow(below);
    return { base, steps: [...steps, ...stage.steps] };
  };
  return follow(stages.at(-1));
}
