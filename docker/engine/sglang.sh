#!/usr/bin/env bash
# Starts SGLang the way the service expects it, from the service's own settings in the environment:
#
#   set -a; . ./.env; set +a; docker/engine/sglang.sh [more SGLang arguments]
#
# More arguments come last and win over those below. What the flags are for: docs/engines.md.
set -euo pipefail

model=${MODEL_NAME:-Qwen/Qwen3-32B}

launch=(
  python3 -m sglang.launch_server
  # MODEL_PATH: other weights under the same name, a folder or a quantised form like Qwen/Qwen3-32B-FP8.
  --model-path "${MODEL_PATH:-$model}"
  --served-model-name "$model"
  --device "${DEVICE:-cuda}"
  --context-length "${MAX_MODEL_LEN:-32768}"
  --tensor-parallel-size "${TENSOR_PARALLEL_SIZE:-1}"
  # Only this machine; "--host 0.0.0.0" opens it. SGLANG_HOST is where the service looks for the engine.
  --host 127.0.0.1
  --port "${SGLANG_PORT:-30000}"
  --reasoning-parser qwen3
  --tool-call-parser qwen25
  --default-chat-template-kwargs '{"enable_thinking": false}'
  --grammar-backend xgrammar
  --constrained-json-disable-any-whitespace
  --max-queued-requests 64
  --enable-metrics
  --enable-cache-report
)

# What runs or waits longer than the service does is work for nobody: the GPU drops it.
export SGLANG_REQ_RUNNING_TIMEOUT=${REQUEST_TIMEOUT:-300}
export SGLANG_REQ_WAITING_TIMEOUT=${REQUEST_TIMEOUT:-300}

# The engine's command, with its key hidden.
{ printf '%q ' "${launch[@]}" ${ENGINE_API_KEY:+--api-key HIDDEN} "$@"; echo; } >&2
if [ -n "${ENGINE_API_KEY:-}" ]; then launch+=(--api-key "$ENGINE_API_KEY"); fi

# SGLang reads SGLANG_PORT too, as where to look for free ports for its own processes; they could take the
# server's. And it needs none of the service's secrets.
unset SGLANG_PORT ENGINE_API_KEY API_KEYS OPENAI_API_KEY LLM_API_KEY DATABASE_URL
exec "${launch[@]}" "$@"
