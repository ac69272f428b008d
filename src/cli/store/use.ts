import { parseArgs } from 'node:util';
import { wrongUse } from './wrong-use.js';

/** What is to be done, as it was typed. */
export type Use =
  | { readonly command: 'copy'; readonly from: string | undefined; readonly to: string }
  | { readonly command: 'backup'; readonly file: string; readonly from: string | undefined }
  | { readonly command: 'restore'; readonly file: string; readonly to: string | undefined };

/** What `--help` prints. */
export const HELP = `Usage: npm run store -- copy --to STORE [--from STORE]
       npm run store -- backup FILE [--from STORE]
       npm run store -- restore FILE [--to STORE]

copy     brings every call into another store, which is made ready for it. A call that is there stays, so a copy that
         was broken off is simply repeated. The service's own database is copied while the service is stopped.
backup   writes every call, as of one moment, into a file. The service may go on.
restore  brings the calls of such a file into a store, which is made ready for them. A call that is there stays.

STORE is postgresql://user:password@host:5432/database, or "embedded": the service's own database in DATA_DIR. Unnamed,
it is the service's: DATABASE_URL, else the embedded one. A password may come from PGPASSWORD, which nobody sees.

  -h, --help   prints this

Exit status: 0 done, 1 it did not work, 2 wrong use.
`;

/** Reads a command line; what is wrong with it is a sentence. */
export function readUse(args: readonly string[]): 'help' | Use | { readonly wrong: string } {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { help: { type: 'boolean', short: 'h' }, from: { type: 'string' }, to: { type: 'string' } },
      allowPositionals: true,
    });
    return values.help ? 'help' : useOf(positionals, values);
  } catch (error) {
    return wrongUse(error);
  }
}

function useOf(
  [command, file, ...more]: readonly string[],
  { from, to }: { readonly from?: string | undefined; readonly to?: string | undefined },
): Use | { readonly wrong: string } {
  switch (command) {
    case 'copy':
      if (to === undefined) return { wrong: 'Name the store to copy to: --to.' };
      return file === undefined
        ? { command, from, to }
        : { wrong: 'A copy goes from store to store: name no file.' };
    case 'backup':
    case 'restore':
      if (file === undefined) return { wrong: 'Name the file.' };
      if (more.length > 0) return { wrong: 'Name one file.' };
      if (command === 'backup')
        return to === undefined ? { command, file, from } : { wrong: 'A backup has no --to: name the file.' };
      return from === undefined
        ? { command, file, to }
        : { wrong: 'A restore has no --from: name the file.' };
    case undefined:
      return { wrong: 'Say what to do: copy, backup or restore.' };
    default:
      return { wrong: `There is no command ${JSON.stringify(command)}.` };
  }
}
