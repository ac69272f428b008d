import { createReadStream, existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance } from 'fastify';

/** The build copies the one file that is needed; its package stays behind as a development dependency. */
const BUILT = fileURLToPath(new URL('./redoc.standalone.js', import.meta.url));
const bundle = (): string =>
  existsSync(BUILT) ? BUILT : createRequire(import.meta.url).resolve('redoc/bundles/redoc.standalone.js');

const PAGE = `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>LLM Service</title>
  <style>body { margin: 0 }</style>
</head>
<body>
  <redoc spec-url="/docs-json" sort-required-props-first="true"></redoc>
  <script src="/redoc/redoc.standalone.js"></script>
</body>
</html>
`;

/** Nothing on the page comes from elsewhere, so nothing else is allowed to. ReDoc styles inline and searches in a worker. */
const POLICY =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; worker-src 'self' blob:";

/** Serves /redoc without reaching for anything outside. */
export function registerRedoc(server: FastifyInstance): void {
  server.get('/redoc', (_request, reply) =>
    reply.header('content-security-policy', POLICY).type('text/html; charset=utf-8').send(PAGE),
  );
  server.get('/redoc/redoc.standalone.js', (_request, reply) =>
    reply
      .header('cache-control', 'public, max-age=86400')
      .type('text/javascript; charset=utf-8')
      .send(createReadStream(bundle())),
  );
}
