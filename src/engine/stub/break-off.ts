import type { Exchange } from './exchange.js';
import type { BreakOffFault } from './faults.js';

/** Ends a connection otherwise than in order. */
export async function breakOff(exchange: Exchange, how: BreakOffFault['kind']): Promise<void> {
  switch (how) {
    case 'reset':
      return exchange.reset();
    case 'hang-up':
      return exchange.hangUp();
    case 'half-close':
      return exchange.halfClose();
    case 'stall':
      return exchange.untilGone();
  }
}
