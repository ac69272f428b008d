import { expect } from '@jest/globals';
import { type ErrorCode, ERRORS, type Problem, PROBLEM_TYPE } from '../../src/common/errors.js';
import type { Reply } from './service.js';

/** Checks that a reply is the error that the catalogue describes under this code, and returns its body. */
export function expectProblem({ status, headers, body }: Reply<Problem>, code: ErrorCode): Problem {
  const { status: expected, title, remedy } = ERRORS[code];
  expect(body).toMatchObject({
    type: `urn:llm-service:problem:${code.toLowerCase().replaceAll('_', '-')}`,
    title,
    status: expected,
    code,
    detail: expect.stringMatching(/^\S.*[.?]$/s),
    remedy,
    request_id: expect.stringMatching(/^[\w.:-]{1,128}$/),
  });
  expect({ status, type: headers['content-type'], id: headers['x-request-id'] }).toEqual({
    status: expected,
    type: PROBLEM_TYPE,
    id: body.request_id,
  });
  return body;
}
