/** How prompts are written in a file. */
export const PROMPT_FORMATS = ['txt', 'json', 'jsonl', 'csv'] as const;
export type PromptFormat = (typeof PROMPT_FORMATS)[number];

/** Names for `--encoding`; cp949 is another for euc-kr. */
export const ENCODINGS = ['utf-8', 'euc-kr', 'cp949', 'utf-16le', 'utf-16be'] as const;
export type Encoding = (typeof ENCODINGS)[number];

/** What goes to standard output. */
export const PRINT_FORMATS = ['text', 'jsonl', 'none'] as const;
export type PrintFormat = (typeof PRINT_FORMATS)[number];
