import type { LoadedSettings } from './load-settings.js';
import { Settings } from './settings.js';
import { type Variable, variables } from './variable.js';

const WIDTH = 100;

/** The text of `.env.example`: every variable with what it does and its default, in the plain format of `.env`. */
export function envExample(): string {
  const defaults = new Settings();
  const lines = [
    '# Copy to .env and change what you need; as it stands it starts the service with the built-in stub.',
    '# Plain enough for Docker’s --env-file and compose too: no quotes, no comments behind values; empty means unset.',
  ];
  let section = '';
  for (const variable of variables) {
    if (variable.section !== section) lines.push('', `# --- ${variable.section} ---`);
    section = variable.section;
    lines.push('', ...wrap(variable.about).map((line) => `# ${line}`));
    if (variable.example) lines.push(`# Example: ${variable.example}`);
    lines.push(`${variable.name}=${show(valueOf(defaults, variable))}`);
  }
  return lines.join('\n') + '\n';
}

/** The effective settings as a table for a terminal: name, value (secrets masked), where it came from. */
export function describeSettings({ settings, origins }: LoadedSettings): string {
  const rows = variables.map((variable) => {
    const value = valueOf(settings, variable);
    const shown = value === undefined ? '(unset)' : variable.secret ? masked(value) : show(value);
    return { ...variable, shown, origin: origins.get(variable.name) ?? 'default' };
  });
  const nameWidth = Math.max(...rows.map((row) => row.name.length));
  const valueWidth = Math.max(...rows.map((row) => row.shown.length));
  const lines: string[] = [];
  let section = '';
  for (const row of rows) {
    if (row.section !== section) lines.push(...(section ? [''] : []), row.section);
    section = row.section;
    lines.push(`  ${row.name.padEnd(nameWidth)}  ${row.shown.padEnd(valueWidth)}  ${row.origin}`);
  }
  const addresses = settings.engineAddresses.join(', ') || 'started by the service itself';
  lines.push('', `The engine is ${settings.engineKind}: ${addresses}`);
  return lines.join('\n') + '\n';
}

/** What a setting can be. */
type Value = Settings[keyof Settings];

function valueOf(settings: Settings, variable: Variable): Value {
  return settings[variable.field as keyof Settings];
}

function show(value: Value): string {
  if (value === undefined) return '';
  if (typeof value !== 'object') return String(value);
  return value.map((part) => (typeof part === 'string' ? part : part.name)).join(',');
}

function masked(value: Value): string {
  if (!Array.isArray(value)) return '********';
  const keys = value as NonNullable<Settings['apiKeys']>;
  return keys.map((key) => `${key.name}:${key.scopes.join('+')}:********`).join(',');
}

function wrap(text: string): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line && line.length + word.length + 1 > WIDTH) lines.push(word);
    else lines[lines.length - 1] = line ? `${line} ${word}` : word;
  }
  return lines;
}
