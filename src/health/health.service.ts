import { Injectable } from '@nestjs/common';
import type { RequestContext } from '../common/request-context.js';
import { VERSION } from '../common/version.js';
import { CallStore } from '../call-store/call-store.js';
import { ReplyCounters } from '../calls/reply-counters.js';
import { Draining } from './draining.js';
import { Settings } from '../config/settings.js';
import { DatabaseService } from '../database/database.service.js';
import { EngineService } from '../engine/engine.service.js';
import type { HealthDto, ReadyDto, StoreStatusDto } from './health.dto.js';

@Injectable()
export class HealthService {
  constructor(
    private readonly settings: Settings,
    private readonly engine: EngineService,
    private readonly counters: ReplyCounters,
    private readonly draining: Draining,
    private readonly database: DatabaseService,
    private readonly calls: CallStore,
  ) {}

  health(context: RequestContext): HealthDto {
    const { engineKind: provider } = this.settings;
    const problem = this.engine.notReadyBecause();
    const notice = problem === undefined ? this.#stubNotice(provider) : this.#shown(problem, context);
    const isSound = problem === undefined && this.database.problem === undefined;
    return {
      status: this.draining.active ? 'stopping' : isSound ? 'ok' : 'degraded',
      engine: { provider, ready: problem === undefined, ...(notice !== undefined && { notice }) },
      store: this.#store(context),
      ...(maySeeDetails(context) && {
        details: {
          version: VERSION,
          uptime_seconds: Math.round(process.uptime()),
          model: this.settings.modelName,
          engines: this.engine.states().map((state) => ({ ...state, models: [...state.models] })),
          replies: this.counters.snapshot(),
        },
      }),
    };
  }

  ready(context: RequestContext): ReadyDto {
    if (this.draining.active) return { status: 'not_ready', reason: 'The service was told to stop.' };
    const problem = this.engine.notReadyBecause();
    if (problem !== undefined) return { status: 'not_ready', reason: this.#shown(problem, context) };
    return this.calls.refusesCalls
      ? { status: 'not_ready', reason: 'Calls cannot be logged, and LOG_REQUIRED is set.' }
      : { status: 'ready' };
  }

  #store(context: RequestContext): StoreStatusDto {
    const { problem, kind } = this.database;
    const { waiting, dropped } = this.calls.state;
    return {
      kind,
      ready: problem === undefined,
      content: this.settings.logContent,
      calls_waiting: waiting,
      calls_dropped: dropped,
      ...(problem !== undefined && maySeeDetails(context) && { notice: problem }),
    };
  }

  #stubNotice(provider: string): string | undefined {
    return provider === 'stub'
      ? 'The built-in stub answers by rule; no model is behind it. Set SGLANG_HOST or ENGINE_URLS to name one.'
      : undefined;
  }

  /** Names of models and settings are for readers; everybody else learns that something is wrong. */
  #shown(problem: string, context: RequestContext): string {
    return maySeeDetails(context)
      ? problem
      : 'The engine does not serve calls; a key with the scope read sees why.';
  }
}

function maySeeDetails({ caller }: RequestContext): boolean {
  return caller?.scopes.has('read') ?? false;
}
