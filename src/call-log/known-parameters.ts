import type { CanActivate, ExecutionContext, Type } from '@nestjs/common';
import { getMetadataStorage } from 'class-validator';
import { refusal } from '../common/refusal.js';
import { nearestName } from '../common/nearest-name.js';

/** Refuses query parameters that a route does not have: a filter that is misspelt would find everything. */
export class KnownParameters implements CanActivate {
  readonly #names: readonly string[];

  /** @param query the class that describes the parameters of the route */
  constructor(query: Type) {
    const checks = getMetadataStorage().getTargetValidationMetadatas(query, '', false, false);
    this.#names = [...new Set(checks.map(({ propertyName }) => propertyName))];
  }

  canActivate(host: ExecutionContext): boolean {
    const { query } = host.switchToHttp().getRequest<{ readonly query: object }>();
    const unknown = Object.keys(query).filter((name) => !this.#names.includes(name));
    if (unknown.length === 0) return true;
    throw refusal(unknown.map((name) => ({ path: pointerTo(name), message: this.#sentence(name) })));
  }

  #sentence(name: string): string {
    const nearest = nearestName(name, this.#names);
    return nearest === undefined
      ? `is no parameter of this route; it has ${this.#names.join(', ')}`
      : `is no parameter of this route; did you mean ${nearest}?`;
  }
}

function pointerTo(name: string): string {
  return `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}
