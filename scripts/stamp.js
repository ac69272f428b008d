/** The last file that a build writes: without it dist/ is not whole. */
export const STAMP = 'dist/.built';
