#!/usr/bin/env bash
# A real SGLang on the CPU with a tiny made-up model, launched as an operator launches it: by docker/engine/sglang.sh.
#
#   sglang.sh install                    makes environment and model, no more
#   sglang.sh serve [SGLang's options]    serves until it is ended
#   sglang.sh python ARGUMENT...         runs the environment's Python, which has the openai package
#
#   VARIANT=happy|hostile|whitespace|endless    how the model behaves (happy)
#   SGLANG_PORT, MAX_MODEL_LEN (32768), ENGINE_API_KEY    as in the service's settings
set -euo pipefail
COMMAND=${1:?"usage: sglang.sh install | serve [SGLang's options] | python ARGUMENT..."}
shift
source "$(dirname "$0")/cache.sh"
VERSION=0.5.23
VENV=$CACHE/sglang-$VERSION-$(key "$HERE"/python/sglang.* "$HERE"/python/sgl_kernel/__init__.py)

install() {
  new_venv "$1"
  # The wheel without its dependencies, most of which need a GPU, and a stand-in for the compiled sgl_kernel.
  pip_install "$1" -r "$HERE/python/sglang.txt" -c "$HERE/python/sglang.constraints.txt"
  pip_install "$1" --no-deps "sglang==$VERSION"
  cp -r "$HERE/python/sgl_kernel" "$(site_packages "$1")"
}

once "$VENV" install
if [ "$COMMAND" = python ]; then exec "$VENV/bin/python" "$@"; fi
MODEL_PATH=$(tiny_model "$VENV" "${VARIANT:-happy}")
[ "$COMMAND" = serve ] || exit 0

export PATH=$VENV/bin:$PATH HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1
export MODEL_PATH DEVICE=cpu MAX_MODEL_LEN=${MAX_MODEL_LEN:-32768} SGLANG_USE_CPU_ENGINE=1 OMP_NUM_THREADS=1
exec "$HERE/../../docker/engine/sglang.sh" \
  --attention-backend torch_native --sampling-backend pytorch \
  --cuda-graph-backend-decode disabled --cuda-graph-backend-prefill disabled \
  --mem-fraction-static 0.1 --max-total-tokens 131072 --skip-server-warmup \
  "$@"
