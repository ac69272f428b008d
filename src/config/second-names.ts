import { isDeepStrictEqual } from 'node:util';
import { ConfigError } from './config-error.js';
import { Settings } from './settings.js';

/** Names that a setting has besides its own, for those who come with the variables of another service. */
const SECOND_NAMES = [
  { second: 'APP_ENV', name: 'NODE_ENV', from: 'appEnv', to: 'nodeEnv', openAiOnly: false },
  { second: 'LLM_API_KEY', name: 'OPENAI_API_KEY', from: 'llmApiKey', to: 'openaiApiKey', openAiOnly: true },
  {
    second: 'LLM_API_BASE_URL',
    name: 'ENGINE_URLS',
    from: 'llmApiBaseUrl',
    to: 'engineUrls',
    openAiOnly: true,
  },
  {
    second: 'OPENAI_MODEL_MAIN',
    name: 'MODEL_NAME',
    from: 'openaiModelMain',
    to: 'modelName',
    openAiOnly: true,
  },
] as const;

/** One of the second names. */
export type SecondName = (typeof SECOND_NAMES)[number]['second'];

/**
 * Gives every setting the value of its second name. A first name that holds its default says nothing, so that a copied
 * .env.example contradicts nobody.
 * @returns which names took their value from which second name
 * @throws ConfigError where two names of one setting differ
 */
export function adoptSecondNames(settings: Settings): ReadonlyMap<string, SecondName> {
  const defaults = new Settings();
  const adopted = new Map<string, SecondName>();
  for (const { second, name, from, to, openAiOnly } of SECOND_NAMES) {
    if (openAiOnly && settings.engineKind !== 'openai') continue;
    const value = settings[from];
    if (value === undefined || isDeepStrictEqual(value, settings[to])) continue;
    if (!isDeepStrictEqual(settings[to], defaults[to])) {
      throw new ConfigError(
        `${name} and ${second} are two names of one setting and say different things: set one of them alone.`,
      );
    }
    Object.assign(settings, { [to]: value });
    adopted.set(name, second);
  }
  return adopted;
}
