import { Injectable } from '@nestjs/common';
import { refusal } from '../common/refusal.js';
import { momentOf } from './moment.js';
import type { StatsDto, StatsQueryDto } from './stats.dto.js';
import { StatsRepository } from './stats.repository.js';

const DAY_MS = 86_400_000;

/** Days that one reply covers at the most: their calls are read one by one. */
const MAX_DAYS = 31;

/** Numbers of calls, by what they have in common. */
@Injectable()
export class StatsService {
  constructor(private readonly repository: StatsRepository) {}

  /** @throws ServiceError VALIDATION_FAILED for a wrong period, and what the repository throws */
  async read({ by, from: first, to: end }: StatsQueryDto, signal: AbortSignal): Promise<StatsDto> {
    const to = momentIn(end) ?? new Date();
    const from = momentIn(first) ?? new Date(to.getTime() - DAY_MS);
    if (from >= to)
      throw refusal([{ path: '/to', message: 'to must be later than from, and is now if left out' }]);
    if (to.getTime() - from.getTime() > MAX_DAYS * DAY_MS) {
      throw refusal([{ path: '/from', message: `from must be at most ${MAX_DAYS} days before to` }]);
    }
    return { by, from, to, groups: await this.repository.groups(by, from, to, signal) };
  }
}

function momentIn(text: string | undefined): Date | undefined {
  return text === undefined ? undefined : momentOf(text);
}
