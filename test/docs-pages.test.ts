import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Browser, chromium, type Page } from 'playwright-core';
import { type ErrorCode, ERRORS, type Problem } from '../src/common/errors.js';
import { describeApi } from '../src/describe-api.js';
import { expectProblem } from './support/problem.js';
import { CHROMIUM, withProgram } from './support/programs.js';
import { MODEL_REPLIES, startService, type TestService } from './support/service.js';

interface Operation {
  readonly tags?: readonly string[];
  readonly summary?: string;
  readonly security?: readonly object[];
  readonly requestBody?: { readonly content: Record<string, { readonly example?: unknown }> };
  readonly responses: Record<string, { readonly description: string }>;
}

interface Document {
  readonly paths: Record<string, Record<string, Operation>>;
}

const document = JSON.parse(readFileSync('openapi.json', 'utf8')) as Document;

const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    name: `${method.toUpperCase()} ${path}`,
    path,
    operation,
  })),
);
const replies: Readonly<Record<string, object>> = MODEL_REPLIES;
const questions = operations.filter(({ operation }) => operation.tags?.includes('Ask'));

describe('openapi.json', () => {
  it('is what the code describes', async () => {
    expect(document).toEqual(JSON.parse(JSON.stringify(await describeApi())));
  });

  it('is what the service serves', async () => {
    const service = await startService();
    expect((await service.get('/docs-json')).body).toEqual(document);
  });

  it('has the routes of the contract', () => {
    expect(operations.map(({ name }) => name).sort()).toEqual([
      'GET /api/calls',
      'GET /api/calls/export',
      'GET /api/calls/{id}',
      'GET /api/stats',
      'GET /health',
      'GET /health/live',
      'GET /health/ready',
      'GET /healthz',
      'GET /metrics',
      'GET /v1/models',
      'GET /v1/models/{path}',
      'POST /api/calls/{id}/cancel',
      'POST /api/chat',
      'POST /api/chat/completions',
      'POST /api/feedback',
      'POST /api/interview/step',
      'POST /api/report',
      'POST /chat',
      'POST /v1/chat/completions',
      'POST /v1/completions',
      'POST /v1/embeddings',
    ]);
  });

  it.each(operations)('says what $name does and how it succeeds', ({ operation }) => {
    expect(operation.summary).toMatch(/^[A-Z].*\.$/);
    expect(operation.responses).toHaveProperty('200');
  });

  it.each(questions)('names every error that $name can end with', ({ operation }) => {
    const documented = Object.entries(operation.responses)
      .filter(([status]) => status !== '200')
      .flatMap(([status, { description }]) => description.split(', ').map((code) => `${status} ${code}`));
    const elsewhere: ErrorCode[] = [
      'GUARD_BLOCKED',
      'NOT_FOUND',
      'METHOD_NOT_ALLOWED',
      'CANCELLED',
      'DATABASE_UNAVAILABLE',
      'QUERY_TOO_SLOW',
    ];
    const expected = (Object.keys(ERRORS) as ErrorCode[])
      .filter((code) => !elsewhere.includes(code))
      .map((code) => `${ERRORS[code].status} ${code}`);
    expect(documented.sort()).toEqual(expected.sort());
  });

  it.each(questions)('has an example for $name that can be sent', async ({ path, operation }) => {
    const service = await startService();
    service.stub.script({ kind: 'reply', content: JSON.stringify(replies[path] ?? 'Hello!') });
    const example = operation.requestBody?.content['application/json']?.example;
    expect((await service.post(path, example)).status).toBe(200);
  });

  it('asks for a key on every route but those that show status only', () => {
    const open = operations.filter(({ operation }) => operation.security === undefined);
    expect(open.map(({ path }) => path)).toEqual(['/health', '/healthz', '/health/live', '/health/ready']);
  });
});

describe('the pages', () => {
  it.each([
    ['/docs', 'text/html; charset=utf-8'],
    ['/docs/start.js', 'text/javascript; charset=utf-8'],
    ['/docs/swagger-ui-bundle.js', 'text/javascript; charset=utf-8'],
    ['/docs/swagger-ui.css', 'text/css; charset=utf-8'],
    ['/docs-json', 'application/json; charset=utf-8'],
    ['/redoc', 'text/html; charset=utf-8'],
    ['/redoc/redoc.standalone.js', 'text/javascript; charset=utf-8'],
  ])('answer: %s as %s', async (path, type) => {
    const { url } = await startService();
    const reply = await fetch(url + path);
    await reply.body?.cancel();
    expect({ status: reply.status, type: reply.headers.get('content-type') }).toEqual({ status: 200, type });
  });

  it.each(['swagger-ui-bundle.js.map', 'package.json', 'swagger-ui.js', 'LICENSE', 'index.html'])(
    'do without %s of their package, which is not served',
    async (name) => {
      const service = await startService();
      expectProblem(await service.get<Problem>(`/docs/${name}`), 'NOT_FOUND');
    },
  );

  it.each(['/docs', '/redoc'])('name no other host: %s', async (path) => {
    const { url } = await startService();
    const html = await (await fetch(url + path)).text();
    expect(html).not.toMatch(/(src|href|url)\s*[=(]\s*["']?(https?:)?\/\//i);
  });
});

withProgram(CHROMIUM, 'in a browser', () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    });
  });

  afterAll(() => browser.close());

  /** Opens a page of the service and notes what it says and what it fetches from elsewhere. */
  async function open(service: TestService, path: string) {
    const page = await browser.newPage();
    const faults: string[] = [];
    const foreign: string[] = [];
    page.on('pageerror', (error) => faults.push(error.message));
    // What the page's own policy forbids never comes here: it is stopped before it is a request on the wire.
    await page.route(
      (url) => !url.href.startsWith(service.url),
      (route) => {
        foreign.push(route.request().url());
        return route.abort();
      },
    );
    await page.goto(service.url + path);
    return { page, faults, foreign };
  }

  const textsOf = (page: Page, selector: string): Promise<string[]> =>
    page.locator(selector).allTextContents();

  it('Swagger UI shows every route and fetches nothing from elsewhere', async () => {
    const { page, faults, foreign } = await open(await startService(), '/docs');
    await page
      .locator('.opblock')
      .nth(operations.length - 1)
      .waitFor();
    expect((await textsOf(page, '.opblock-summary-path')).sort()).toEqual(Object.keys(document.paths).sort());
    expect({ faults, foreign }).toEqual({ faults: [], foreign: [] });
    await page.close();
  });

  it('Swagger UI sends the example of a question and shows the answer', async () => {
    const service = await startService();
    service.stub.script({ kind: 'reply', content: JSON.stringify(MODEL_REPLIES['/api/feedback']) });
    const { page } = await open(service, '/docs');
    const block = page.locator('.opblock', { hasText: '/api/feedback' });
    await block.locator('.opblock-summary-control').click();
    await block.locator('.try-out__btn').click();
    await block.locator('.execute').click();
    const status = await block.locator('.live-responses-table .response-col_status').last().textContent();
    expect(status).toContain('200');
    await page.close();
  });

  it('Swagger UI reads the call log with the local key', async () => {
    const service = await startService();
    const { page } = await open(service, '/docs');
    await page.locator('.btn.authorize').click();
    await page
      .locator('.auth-container input')
      .fill(service.localKey.authorization?.replace('Bearer ', '') ?? '');
    await page.locator('.auth-btn-wrapper .authorize').click();
    await page.locator('.btn-done').click();
    const block = page.locator('.opblock', { hasText: '/api/stats' });
    await block.locator('.opblock-summary-control').click();
    await block.locator('.try-out__btn').click();
    await block.locator('select').first().selectOption('task');
    await block.locator('.execute').click();
    const status = await block.locator('.live-responses-table .response-col_status').last().textContent();
    expect(status).toContain('200');
    await page.close();
  });

  it('ReDoc shows every question and fetches nothing from elsewhere', async () => {
    const { page, faults, foreign } = await open(await startService(), '/redoc');
    await page
      .locator('[data-section-id*="operation"]')
      .nth(operations.length - 1)
      .waitFor();
    const headings = await textsOf(page, '[data-section-id*="operation"] h2');
    expect(headings.map((text) => text.trim()).sort()).toEqual(
      operations.map(({ operation }) => operation.summary).sort(),
    );
    expect({ faults, foreign }).toEqual({ faults: [], foreign: [] });
    await page.close();
  });
});
