import { resolve } from 'node:path';
import { proxyVariables } from '../common/proxy-variables.js';
import { ConfigError } from './config-error.js';
import { readEnvFile } from './env-file.js';
import { adoptSecondNames, type SecondName } from './second-names.js';
import { Settings } from './settings.js';
import { NotAllowed, variables } from './variable.js';

/** Where a setting's value came from; a second name leads on to that name's own origin. */
type Origin = 'environment' | '.env' | 'default' | SecondName;

/** The settings and where each came from, by the variable's name. */
export interface LoadedSettings {
  readonly settings: Settings;
  readonly origins: ReadonlyMap<string, Origin>;
  /** Variables that name a proxy, which the service does not ask through. */
  readonly proxies: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the environment and `.env` in the working directory; the environment wins, empty means unset.
 * @throws ConfigError with one sentence for the first thing that is wrong
 */
export function loadSettings(
  environment: Environment = process.env,
  envFile: string | undefined = resolve('.env'),
): LoadedSettings {
  const fromFile = envFile ? readEnvFile(envFile) : new Map<string, string>();
  const settings = new Settings();
  const origins = new Map<string, Origin>();

  for (const variable of variables) {
    const own = nonEmpty(environment[variable.name]?.trim());
    const value = own ?? nonEmpty(fromFile.get(variable.name));
    origins.set(variable.name, own !== undefined ? 'environment' : value !== undefined ? '.env' : 'default');
    if (value === undefined) continue;
    try {
      Object.assign(settings, { [variable.field]: variable.read(value) });
    } catch (error) {
      if (!(error instanceof NotAllowed)) throw error;
      // An address with a password in it is a secret too, although the variable is none.
      const hidden = variable.secret === true || value.includes('@');
      const shown = hidden ? 'has a wrong value' : `is ${JSON.stringify(value)}`;
      throw new ConfigError(`${variable.name} ${shown}: it must be ${error.message}.`);
    }
  }

  for (const [name, second] of adoptSecondNames(settings)) origins.set(name, second);
  checkTogether(settings);
  return { settings, origins, proxies: proxyVariables(environment) };
}

function nonEmpty(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}

/** Of the 50 connections that the service's own server takes, some are for its session, for commands and for a person. */
const MOST_OWN_CONNECTIONS = 40;

/** What only shows when settings are seen together. Nothing here is a silent fallback. */
function checkTogether(settings: Settings): void {
  const production = settings.nodeEnv === 'production';
  if (production && settings.engineKind === 'stub' && settings.engine !== 'stub') {
    throw new ConfigError(
      'NODE_ENV is production and no engine is named: set SGLANG_HOST or ENGINE_URLS, or ENGINE=stub if the built-in stub is really meant.',
    );
  }
  if (production && !settings.apiKeys && settings.auth === 'on') {
    throw new ConfigError(
      'NODE_ENV is production and API_KEYS is empty: set API_KEYS=name:scope:secret, or AUTH=off if everybody who reaches the port may ask.',
    );
  }
  if (settings.databaseUrl === undefined && settings.databaseConnections > MOST_OWN_CONNECTIONS) {
    throw new ConfigError(
      `DATABASE_CONNECTIONS is ${settings.databaseConnections}: the service’s own database takes ${MOST_OWN_CONNECTIONS} at most; set fewer, or DATABASE_URL to a server of yours.`,
    );
  }
  if (settings.engineKind === 'openai') {
    if (!settings.engineKey) throw new ConfigError('ENGINE is openai and no key is set: set OPENAI_API_KEY.');
    if (settings.modelName === new Settings().modelName) {
      throw new ConfigError(
        `ENGINE is openai and MODEL_NAME is ${settings.modelName}: set MODEL_NAME to one of OpenAI’s models.`,
      );
    }
  }
}
