import { chat } from './chat.js';
import type { ClientCommand, CommandGroup } from './command.js';
import { feedback } from './feedback.js';
import { generate } from './generate.js';
import { health } from './health.js';
import { interview } from './interview.js';
import { logs } from './logs.js';
import { models } from './models.js';
import { report } from './report.js';
import { requests } from './requests.js';
import { step } from './step.js';

/** All commands, in the order of the help. */
export const COMMANDS: readonly (ClientCommand | CommandGroup)[] = [
  health,
  models,
  chat,
  generate,
  interview,
  step,
  feedback,
  report,
  requests,
  logs,
];
