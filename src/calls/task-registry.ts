/** Who waits for whom when the engine is busy: a live turn before chat and feedback, these before reports. */
type Lane = 'live' | 'interactive' | 'background';

/** What other places than the pipeline need to know of a kind of question. */
export interface TaskEntry {
  /** The log, metrics, filters and statistics name calls by it. Names that begin with `v1_` belong to OpenAI's API. */
  readonly name: string;
  readonly lane: Lane;
  /**
   * What the engine does, in OpenTelemetry's words for `gen_ai.operation.name`.
   * @default 'chat'
   */
  readonly operation?: 'chat' | 'text_completion' | 'embeddings';
  /** By route: a body as the documentation shows it and as it can be sent. */
  readonly examples?: Readonly<Record<string, object>>;
}

const tasks = new Map<string, TaskEntry>();

/**
 * Makes a kind of question known to the log's filters, the metrics and the documentation.
 * @throws Error where another task has that name, so that the mistake stops the start and not a call
 */
export function registerTask<T extends TaskEntry>(task: T): T {
  if (tasks.has(task.name)) throw new Error(`There are two tasks named ${task.name}.`);
  tasks.set(task.name, task);
  return task;
}

/** Every kind of question that can be asked, by name. */
export function registeredTasks(): readonly TaskEntry[] {
  return [...tasks.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The kind of question with this name. */
export function registeredTask(name: string): TaskEntry | undefined {
  return tasks.get(name);
}
