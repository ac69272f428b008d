// ReDoc is a development dependency: only its one file goes into the build.
import { copyFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { STAMP } from './stamp.js';

const bundle = createRequire(import.meta.url).resolve('redoc/bundles/redoc.standalone.js');
copyFileSync(bundle, new URL('../dist/docs/redoc.standalone.js', import.meta.url));

writeFileSync(STAMP, '');
