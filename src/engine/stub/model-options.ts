/** What the stub's replies depend on besides the request. */
export interface ModelOptions {
  modelName: string;
  contextLength: number;
  tokenDelayMs: number;
  maxRequests: number;
}

/** The name under which the stub answers, so that its words never pass for a model's. */
export function stubName(model: string): string {
  return model.endsWith('-stub') ? model : `${model}-stub`;
}
