/** What pydantic says about one field, in the words and the order that it uses. */
export interface ValidationIssue {
  type: string;
  location: (string | number)[];
  input: unknown;
  context?: string;
}

interface RefusalOptions {
  status?: number;
  param?: string;
  code?: string;
  /** Set where the engine's framework refuses the body before the engine has seen it. */
  issue?: ValidationIssue;
  /** Set where the refusal comes from the scheduler, which a streaming client is told inside a 200. */
  late?: boolean;
}

/** A request that the engine does not serve. How it reads on the wire is the dialect's business. */
export class Refusal extends Error {
  readonly status: number;
  readonly param: string | null;
  readonly code: string | null;
  readonly issue: ValidationIssue | undefined;
  readonly late: boolean;

  constructor(message: string, { status = 400, param, code, issue, late = false }: RefusalOptions = {}) {
    super(message);
    this.status = status;
    this.param = param ?? null;
    this.code = code ?? null;
    this.issue = issue;
    this.late = late;
  }
}
