/** Columns and rows of a screen that does not say how many it has. */
export const DEFAULT_COLUMNS = 80;
export const DEFAULT_ROWS = 24;

/** Goes to the start of the cursor's line and empties it. */
export const CLEAR_LINE = '\r\u001b[K';

/** What stands for a tab: its own width depends on where it stands. */
export const TAB = '  ';
