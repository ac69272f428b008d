/** What a test makes one choice say. A field that is absent is the stub's own. */
export interface ScriptedChoice {
  /**
   * Null stands for no text at all, as vLLM answers when everything is reasoning. With it, no tool is called that
   * `toolCalls` does not name.
   */
  content?: string | null;
  reasoning?: string | null;
  /** Functions that the model calls; the arguments go out as they are, JSON or not. */
  toolCalls?: { name: string; arguments: string }[];
  finishReason?: string;
  matchedStop?: string | number | null;
}

/** What a test makes the model say. A field that is absent is the stub's own. */
export interface ScriptedReply extends ScriptedChoice {
  promptTokens?: number;
  /**
   * `empty`: a reply with `"choices":[]`. A list: what each choice says, where they differ; the last one goes for
   * those that follow.
   */
  choices?: 'empty' | ScriptedChoice[];
  /**
   * The milliseconds that each token takes.
   *
   * @default the server's own
   */
  tokenDelayMs?: number;
}
