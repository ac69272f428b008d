import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Throttle } from '../src/logging/throttle.js';

const INTERVAL_MS = 60_000;

let told: [event: string, count: number][];
let throttle: Throttle<string>;

beforeEach(() => {
  jest.useFakeTimers();
  told = [];
  throttle = new Throttle(INTERVAL_MS, (event, count) => told.push([event, count]));
});

afterEach(() => {
  jest.useRealTimers();
});

describe('a throttle', () => {
  it('tells the first event at once', () => {
    throttle.add('a');
    expect(told).toEqual([['a', 1]]);
  });

  it('tells of those that follow the latest, with their number, when the interval is over', () => {
    for (const event of ['a', 'b', 'c', 'd']) throttle.add(event);
    jest.advanceTimersByTime(INTERVAL_MS - 1);
    expect(told).toEqual([['a', 1]]);
    jest.advanceTimersByTime(1);
    expect(told.slice(1)).toEqual([['d', 3]]);
  });

  it('tells one event an interval, however long they go on', () => {
    for (let second = 0; second < 600; second++) {
      throttle.add(`at ${second}`);
      jest.advanceTimersByTime(1000);
    }
    expect(told).toHaveLength(11);
    expect(told.reduce((sum, [, count]) => sum + count, 0)).toBe(600);
  });

  it('tells an event at once again after an interval of silence', () => {
    throttle.add('a');
    jest.advanceTimersByTime(INTERVAL_MS);
    throttle.add('b');
    expect(told).toEqual([
      ['a', 1],
      ['b', 1],
    ]);
  });

  it('counts an event that stands for several', () => {
    throttle.add('a', 5);
    throttle.add('b', 7);
    throttle.add('c', 2);
    throttle.flush();
    expect(told).toEqual([
      ['a', 5],
      ['c', 9],
    ]);
  });

  it('tells what it holds back when it is flushed, and nothing twice', () => {
    throttle.add('a');
    throttle.add('b');
    throttle.flush();
    throttle.flush();
    expect(told).toEqual([
      ['a', 1],
      ['b', 1],
    ]);
  });
});
