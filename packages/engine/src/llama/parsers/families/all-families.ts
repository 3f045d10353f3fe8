import { COHERE, COHERE_TEXT } from './cohere.ts';
import { DEEPSEEK, DEEPSEEK_R1 } from './deepseek.ts';
import { DEEPSEEK_DSML, DEEPSEEK_V4 } from './dsml.ts';
import { GEMMA } from './gemma.ts';
import { GIGACHAT, GIGACHAT_3_1 } from './gigachat.ts';
import { GLM } from './glm.ts';
import { HARMONY } from './harmony.ts';
import { HERMES } from './hermes.ts';
import { APERTUS, GRANITE, MINIMAX_M1, NEMOTRON, PHI } from './json-lists.ts';
import { KIMI } from './kimi.ts';
import { LFM2 } from './lfm2.ts';
import { LLAMA, LLAMA_TAGGED } from './llama.ts';
import { MINICPM } from './minicpm.ts';
import { MINIMAX } from './minimax.ts';
import { MISTRAL, MISTRAL_LIST } from './mistral.ts';
import type { ToolFamily } from './tool-family.ts';
import { QWEN_XML, SEED_XML } from './xml-calls.ts';

/** All families. The first one that matches the chat template is used. */
export const FAMILIES: readonly ToolFamily[] = [
  HARMONY,
  COHERE,
  COHERE_TEXT,
  GEMMA,
  KIMI,
  LFM2,
  GRANITE,
  PHI,
  NEMOTRON,
  MINIMAX_M1,
  MINIMAX,
  MINICPM,
  APERTUS,
  GIGACHAT_3_1,
  GIGACHAT,
  SEED_XML,
  QWEN_XML,
  GLM,
  HERMES,
  MISTRAL,
  MISTRAL_LIST,
  DEEPSEEK_V4,
  DEEPSEEK_DSML,
  DEEPSEEK_R1,
  DEEPSEEK,
  LLAMA_TAGGED,
  LLAMA,
];
