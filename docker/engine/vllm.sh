#!/usr/bin/env bash
# Starts vLLM the way the service expects it, from the service's own settings in the environment:
#
#   set -a; . ./.env; set +a; docker/engine/vllm.sh [more arguments of "vllm serve"]
#
# More arguments come last and win over those below. What the flags are for: docs/engines.md.
# The service wants ENGINE=vllm. DEVICE has no flag here: a build of vLLM is for one kind of device.
set -euo pipefail

model=${MODEL_NAME:-Qwen/Qwen3-32B}

launch=(
  # MODEL_PATH: other weights under the same name, a folder or a quantised form like Qwen/Qwen3-32B-FP8.
  vllm serve "${MODEL_PATH:-$model}"
  --served-model-name "$model"
  --max-model-len "${MAX_MODEL_LEN:-32768}"
  --tensor-parallel-size "${TENSOR_PARALLEL_SIZE:-1}"
  # Only this machine; "--host 0.0.0.0" opens it. SGLANG_HOST is where the service looks for the engine.
  --host 127.0.0.1
  --port "${SGLANG_PORT:-30000}"
  --reasoning-parser qwen3
  --enable-auto-tool-choice
  --tool-call-parser hermes
  --default-chat-template-kwargs '{"enable_thinking": false}'
  --structured-outputs-config '{"backend": "xgrammar", "disable_any_whitespace": true}'
  # Unlike SGLang's, this limit counts the running requests too.
  --max-num-queued-reqs 128
  --enable-prompt-tokens-details
)

# The key goes by the environment, where a list of processes does not show it.
{ printf '%q ' ${ENGINE_API_KEY:+VLLM_API_KEY=HIDDEN} "${launch[@]}" "$@"; echo; } >&2
if [ -n "${ENGINE_API_KEY:-}" ]; then export VLLM_API_KEY=$ENGINE_API_KEY; fi

# The engine needs none of the service's secrets.
unset ENGINE_API_KEY API_KEYS OPENAI_API_KEY LLM_API_KEY DATABASE_URL
exec "${launch[@]}" "$@"
