import { surviveClosedOutput } from '../logging/logger.js';
import { runLogs } from './analyze/command.js';

/** `npm run logs -- analyze FILE.csv` */
surviveClosedOutput();
process.exitCode = await runLogs(process.argv.slice(2), process);
