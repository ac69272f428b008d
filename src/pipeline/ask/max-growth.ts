/** How far a reply that must be valid may grow over its usual tokens where the caller names no ceiling. */
export const MAX_GROWTH = 4;
