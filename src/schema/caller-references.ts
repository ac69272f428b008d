import type { CallerNode } from './caller-node.js';

/**
 * Finds a `$ref` that describes itself: along `$ref` and unions alone one comes back to it. Such a schema says
 * nothing about a value, and reading it never ends. (A list of lists goes through `items`; that is no loop.)
 */
export function findReferenceLoop(nodes: readonly CallerNode[]): CallerNode | undefined {
  const done = new Set<CallerNode>();
  for (const start of nodes) {
    /** The way from the start: each node with those that are still to be looked at behind it. */
    const way: { readonly node: CallerNode; readonly rest: CallerNode[] }[] = [
      { node: start, rest: behind(start) },
    ];
    const onWay = new Set([start]);
    for (let last = way.at(-1); last; last = way.at(-1)) {
      const next = last.rest.pop();
      if (next === undefined) {
        done.add(last.node);
        onWay.delete(last.node);
        way.pop();
      } else if (onWay.has(next)) {
        return way.slice(way.findIndex(({ node }) => node === next)).find(({ node }) => node.$ref)?.node;
      } else if (!done.has(next)) {
        onWay.add(next);
        way.push({ node: next, rest: behind(next) });
      }
    }
  }
  return undefined;
}

/** The nodes that describe the same value. */
function behind({ $ref, anyOf = [], oneOf = [], allOf = [] }: CallerNode): CallerNode[] {
  return [$ref, ...anyOf, ...oneOf, ...allOf].filter((node) => node !== undefined && node !== false);
}
