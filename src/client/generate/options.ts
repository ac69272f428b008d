import type { BatchOptions } from '../api/generation.js';
import type { Flags } from '../commands/command.js';
import { wrongUse } from '../faults/fault.js';
import type { Encoding, PrintFormat, PromptFormat } from '../prompts/choices.js';
import { samplingFrom, type SamplingValues } from '../sampling-flags.js';

/** Where prompts come from. */
export type PromptOrigin =
  | { readonly prompt: string }
  | {
      readonly file: string;
      readonly encoding: Encoding | undefined;
      readonly format: PromptFormat | undefined;
    };

/** What `generate` is to do. */
export interface GenerateOptions {
  readonly origin: PromptOrigin;
  readonly repeat: number;
  readonly batch: BatchOptions & { readonly concurrent: number };
  /** The file for results, and whether it goes on with what an earlier run wrote. */
  readonly output: { readonly path: string; readonly resumes: boolean } | undefined;
  readonly print: PrintFormat;
}

/** The flags as commander reads them. */
interface GenerateFlags extends SamplingValues {
  readonly prompt?: string;
  readonly promptFile?: string;
  readonly promptFormat?: PromptFormat;
  readonly encoding?: Encoding;
  readonly chat?: boolean;
  readonly system?: string;
  readonly concurrent?: number;
  readonly repeat?: number;
  readonly output?: string;
  readonly resume?: string;
  readonly format?: PrintFormat;
}

/** @throws ClientFault where flags are missing or at odds with each other */
export function readOptions(given: Flags): GenerateOptions {
  const flags: GenerateFlags = given;
  const output = outputOf(flags);
  return {
    origin: originOf(flags),
    repeat: flags.repeat ?? 1,
    batch: {
      concurrent: flags.concurrent ?? 1,
      chat: flags.chat,
      system: flags.system,
      ...samplingFrom(flags),
    },
    output,
    print: flags.format ?? (output ? 'none' : 'text'),
  };
}

function originOf({ prompt, promptFile, promptFormat, encoding }: GenerateFlags): PromptOrigin {
  if (promptFile !== undefined) return { file: promptFile, encoding, format: promptFormat };
  if (prompt === undefined)
    throw wrongUse('There is nothing to ask: say --prompt "…" or --prompt-file FILE; --help has examples.');
  if (prompt.trim() === '') throw wrongUse('--prompt is empty; write what to ask behind it, in quotes.');
  return { prompt };
}

function outputOf({ output, resume }: GenerateFlags): GenerateOptions['output'] {
  if (resume === undefined) return output === undefined ? undefined : { path: output, resumes: false };
  if (output === undefined || output === resume) return { path: resume, resumes: true };
  throw wrongUse(
    `--resume ${resume} goes on in that file, so --output ${output} has no use; leave one of the two out.`,
  );
}
