import type { IncomingMessage, ServerResponse } from 'node:http';
import { isScript } from './faults.js';
import { parseBody, parseJson, readBody, respond, respondJson } from './http.js';
import { stubName } from './model-options.js';
import { Refusal } from './refusal.js';
import type { Traffic } from './traffic.js';

export type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** Handlers by path and method. */
export type Routes = Record<string, Record<string, Handler>>;

const respondEmpty = (_request: IncomingMessage, response: ServerResponse): void => {
  respond(response, 200, {}, '');
};

/** SGLang's routes that need no key. Unlike SGLang's own the health routes generate nothing and answer at once. */
export function openRoutes(traffic: Traffic): Routes {
  return {
    '/health': { GET: respondEmpty },
    '/health_generate': { GET: respondEmpty },
    '/ready': { GET: respondEmpty },
    '/metrics': {
      GET: (_request, response) => {
        const gauge = `sglang:num_running_reqs ${traffic.sequences}.0\n`;
        respond(response, 200, { 'content-type': 'text/plain' }, gauge);
      },
    },
  };
}

/** The rest of SGLang's routes outside `/v1`. */
export function nativeRoutes(traffic: Traffic, modelName: string): Routes {
  const name = stubName(modelName);
  return {
    '/': {
      GET: (_request, response) => {
        respond(
          response,
          200,
          { 'content-type': 'text/plain' },
          'The stub engine is running, without a model.\n',
        );
      },
    },
    '/ping': { GET: respondEmpty },
    '/model_info': {
      GET: (_request, response) => {
        respondJson(response, 200, {
          model_path: name,
          served_model_name: name,
          tokenizer_path: name,
          is_generation: true,
          preferred_sampling_params: null,
          weight_version: 'default',
          load_format: 'dummy',
          reasoning_parser: null,
          tool_call_parser: null,
        });
      },
    },
    '/abort_request': {
      POST: async (request, response) => {
        const body = parseBody(await readBody(request), request.headers['content-type']);
        if (typeof body.rid === 'string') traffic.abort(body.rid);
        else if (body.abort_all === true) traffic.abortAll();
        respondEmpty(request, response);
      },
    },
  };
}

/** The script and the memory of the stub, for tests in other processes. */
export function controlRoutes(traffic: Traffic): Routes {
  return {
    '/control/script': {
      POST: async (request, response) => {
        const script = parseJson(await readBody(request));
        if (!isScript(script)) throw new Refusal('A script is an array of faults, each with a known kind.');
        traffic.script = script;
        respondEmpty(request, response);
      },
    },
    '/control/requests': {
      GET: (_request, response) => {
        respondJson(response, 200, traffic.requests);
      },
      DELETE: (request, response) => {
        traffic.requests = [];
        respondEmpty(request, response);
      },
    },
  };
}
