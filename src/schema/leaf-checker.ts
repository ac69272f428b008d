import { compileChecker, type Finding } from './checker.js';
import type { DialectSchema } from './dialect.js';
import type { JsonLeaf } from './json-reader.js';

/** Finds what is wrong with one leaf of a value; `instancePath` is the leaf's JSON pointer, or that of a value around it. */
export type LeafChecker = (path: string, value: JsonLeaf) => readonly Finding[];

/** A part of a schema, and the JSON pointer of the value that it describes. */
interface Place {
  readonly schema: DialectSchema;
  readonly path: string;
}

/**
 * Makes the check of the single leaves of a value: each is checked by the part of the schema that the check of the whole
 * value applies to it, so whatever is found in a leaf is wrong in the whole value too. A key that the schema does not
 * have is left to that check. A part is compiled when a leaf first needs it; most schemas of a reply's rest never do.
 */
export function leafChecker(schema: DialectSchema): LeafChecker {
  const checkers = new Map<DialectSchema, ReturnType<typeof compileChecker>>();
  return (path, value) => {
    const place = findPlace(schema, path);
    if (!place) return [];
    let find = checkers.get(place.schema);
    if (!find) checkers.set(place.schema, (find = compileChecker(place.schema, 0)));
    // Where the schema ends before the path does, an object or array stands in the place of a leaf.
    const found = find(place.path === path ? value : {});
    return found.map((finding) => ({ ...finding, instancePath: place.path + finding.instancePath }));
  };
}

/** The part of the schema for a path, or where the schema ends on the way; nothing behind a key that it does not have. */
function findPlace(root: DialectSchema, path: string): Place | undefined {
  let place: Place = { schema: root, path: '' };
  // A JSON pointer begins with a slash.
  for (const step of path.split('/').slice(1)) {
    const { type, properties = {}, items } = place.schema;
    const isEnd = type === 'array' ? !/^\d+$/.test(step) : type !== 'object';
    if (isEnd) return place;
    const next = type === 'array' ? items : Object.hasOwn(properties, step) ? properties[step] : undefined;
    if (!next) return undefined;
    place = { schema: next, path: `${place.path}/${step}` };
  }
  return place;
}
