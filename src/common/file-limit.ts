/**
 * How many files and sockets this process may have open at once (the soft limit of `ulimit -n`, which Node.js has raised
 * to the hard one at its start); undefined where there is no limit, or none that can be read, as on Windows.
 *
 * Everything that is open shares it, so each default takes a part of it, and the parts add up to less than the whole:
 * a call may need one incoming connection and one to an engine, so callers may have half of it and engines two fifths
 * (callers hold idle connections too). The last tenth is left for the database, the spool, the logs and the files of
 * the program, which are some hundred at most.
 */
export function openFileLimit(): number | undefined {
  const report: NodeJS.ProcessReport & { excludeNetwork?: boolean } = process.report;
  const { excludeNetwork = false } = report;
  // Without this a report looks up the name of the other end of every connection.
  report.excludeNetwork = true;
  const { userLimits } = report.getReport() as {
    userLimits?: { open_files?: { soft?: number | string } };
  };
  report.excludeNetwork = excludeNetwork;
  const soft = userLimits?.open_files?.soft;
  return typeof soft === 'number' ? soft : undefined;
}
