/** 0: all answered · 1: some failed · 2: wrong use · 3: no server · 130: interrupted. */
export type ExitCode = 0 | 1 | 2 | 3 | 130;

/** What a user can do something about. The message is one sentence or two: what happened, where, what to do next. */
export class ClientFault extends Error {
  override readonly name = 'ClientFault';

  constructor(
    readonly exitCode: 1 | 2 | 3,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** A command line or a file that has to be changed first. */
export function wrongUse(message: string, options?: ErrorOptions): ClientFault {
  return new ClientFault(2, message, options);
}
