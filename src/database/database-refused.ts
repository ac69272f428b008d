/** Why a database cannot be used, whatever one waits for. The message is for the operator. */
export class DatabaseRefused extends Error {
  override readonly name = 'DatabaseRefused';
}
