import { ENGLISH } from './phrases.en.js';
import { KOREAN } from './phrases.ko.js';
import type { Phrases } from './phrases.js';
import type { Language } from './read-interview.js';

export const PHRASES: Record<Language, Phrases> = { ko: KOREAN, en: ENGLISH };
