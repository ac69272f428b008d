import { createReadStream, existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance } from 'fastify';

const { resolve } = createRequire(import.meta.url);

/** The build copies ReDoc's one file; its package stays behind as a development dependency. */
const BUILT_REDOC = fileURLToPath(new URL('./redoc.standalone.js', import.meta.url));
const redocBundle = (): string =>
  existsSync(BUILT_REDOC) ? BUILT_REDOC : resolve('redoc/bundles/redoc.standalone.js');

const SWAGGER_UI = `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>LLM Service</title>
  <link rel="stylesheet" href="docs/swagger-ui.css">
  <style>body { margin: 0 }</style>
</head>
<body>
  <div id="swagger-ui"></div>
  <script src="docs/swagger-ui-bundle.js"></script>
  <script src="docs/start.js"></script>
</body>
</html>
`;

const START_SWAGGER_UI = `SwaggerUIBundle({ url: 'docs-json', dom_id: '#swagger-ui', deepLinking: true });\n`;

const REDOC = `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>LLM Service</title>
  <style>body { margin: 0 }</style>
</head>
<body>
  <redoc spec-url="docs-json" sort-required-props-first="true"></redoc>
  <script src="redoc/redoc.standalone.js"></script>
</body>
</html>
`;

/** Nothing on the pages comes from elsewhere, so nothing else is allowed to. Both style inline; ReDoc searches in a worker. */
const POLICY =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; worker-src 'self' blob:";

const HTML = 'text/html; charset=utf-8';
const SCRIPT = 'text/javascript; charset=utf-8';
const STYLE = 'text/css; charset=utf-8';

/**
 * Serves Swagger UI at /docs and ReDoc at /redoc: the pages and the files that they need, no others of the packages.
 * They name each other by relative paths, so that a proxy may put a prefix before them.
 */
export function registerDocPages(server: FastifyInstance): void {
  const page = (path: string, html: string): void => {
    server.get(path, (_request, reply) =>
      reply.header('content-security-policy', POLICY).type(HTML).send(html),
    );
  };
  const file = (path: string, type: string, source: () => string): void => {
    server.get(path, (_request, reply) =>
      reply.header('cache-control', 'public, max-age=86400').type(type).send(createReadStream(source())),
    );
  };

  page('/docs', SWAGGER_UI);
  server.get('/docs/start.js', (_request, reply) => reply.type(SCRIPT).send(START_SWAGGER_UI));
  file('/docs/swagger-ui-bundle.js', SCRIPT, () => resolve('swagger-ui-dist/swagger-ui-bundle.js'));
  file('/docs/swagger-ui.css', STYLE, () => resolve('swagger-ui-dist/swagger-ui.css'));
  page('/redoc', REDOC);
  file('/redoc/redoc.standalone.js', SCRIPT, redocBundle);
}
