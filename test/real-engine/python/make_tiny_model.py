#!/usr/bin/env python3
"""Makes a tiny Qwen3-shaped model (about 2 MB), with which real engines run on a CPU.

    python make_tiny_model.py --variant happy|hostile|whitespace|endless OUT_DIR

Nothing is read from outside: the byte-level BPE is trained on text made up below, and the weights are written so
that the last token and a little noise decide the next one.

happy       replies end: strings close after some words, arrays and numbers end, no blanks between tokens,
            <think>..</think> is written when thinking is on. At temperature 0 too.
hostile     near-uniform logits: broken UTF-8, control characters, blanks, think marks inside strings.
whitespace  as happy, but prefers blanks wherever the grammar allows them.
endless     as happy, but closes no string and ends no text: runs into max_tokens every time.
"""
import argparse
import json
import random
import re
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

SEED = 0
QWEN_SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
              r"|\s*[\r\n]+|\s+(?!\S)|\s+")
SENTENCE = " 말씀하신 경험을 조금 더 구체적으로 설명해 주시겠어요 Could you tell me more about that project"
TEMPLATE = """{%- for m in messages %}
{{- '<|im_start|>' + m.role + '\\n' }}
{%- if m.content is string %}{{ m.content }}{%- else %}{%- for p in (m.content or []) %}{{ p.text }}{%- endfor %}{%- endif %}
{{- '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}
{%- if enable_thinking is defined and enable_thinking is false %}{{ '<think>\\n\\n</think>\\n\\n' }}{%- endif %}
{%- endif %}"""
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def corpus(rng, n=600):
    ko_s = ["지원자는", "이번 프로젝트는", "저희 팀은", "면접관은", "사용자는", "서버 설계는", "데이터베이스는", "경험을"]
    ko_o = ["성능을", "장애를", "테스트를", "협업을", "문제를", "요구사항을", "배포 과정을", "구조를", "조금 더"]
    ko_v = ["개선했습니다", "설명했습니다", "해결했습니다", "구체적으로 설명해 주시겠어요", "분석했습니다", "맡았습니다", "말씀하신 대로입니다"]
    en_s = ["The candidate", "Our team", "The service", "A reviewer", "This project", "The interviewer", "Could you"]
    en_v = ["explained", "improved", "measured", "designed", "tested", "tell me more about", "described"]
    en_o = ["the cache layer", "a queue with retries", "that project", "the release process", "an outage", "the data model"]
    keys = ["thought", "action", "message", "score", "reason", "verdict", "items", "name", "id", "value"]
    out = []
    for i in range(n):
        k = f"{rng.choice(ko_s)} {rng.choice(ko_o)} {rng.choice(ko_v)}."
        e = f"{rng.choice(en_s)} {rng.choice(en_v)} {rng.choice(en_o)}."
        obj = {rng.choice(keys): rng.choice([k, e, rng.randint(0, 99), True, None, [1, 2], ["a"]]) for _ in range(3)}
        sep = rng.choice([None, (",", ":")])
        out += [k, e, f"{e} {k}", json.dumps(obj, ensure_ascii=False, separators=sep), SENTENCE,
                "system\nuser\nassistant\n", "a\n\nb", json.dumps(obj, ensure_ascii=False, indent=2)]
    return out


def build_tokenizer(out):
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(QWEN_SPLIT), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tok.decoder = decoders.ByteLevel()
    tok.train_from_iterator(corpus(random.Random(SEED)), trainers.BpeTrainer(
        vocab_size=1100, show_progress=False, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())))
    tok.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in SPECIAL])
    tok.add_tokens([AddedToken(s, special=False, normalized=False) for s in ("<think>", "</think>")])  # as Qwen3: not special
    tok.save(str(out / "tokenizer.json"))
    (out / "tokenizer_config.json").write_text(json.dumps(dict(
        tokenizer_class="PreTrainedTokenizerFast", eos_token="<|im_end|>", pad_token="<|endoftext|>",
        additional_special_tokens=["<|im_start|>"], model_max_length=131072, clean_up_tokenization_spaces=False), indent=1))
    (out / "chat_template.jinja").write_text(TEMPLATE)
    return tok


def base_logit(text, variant):
    """What a token is worth at temperature 1, from its text alone (ordinary words are 0)."""
    if "\ufffd" in text or "\\" in text or any(ord(c) < 32 and c not in " \n\t\r" for c in text):
        return -12.0
    if text.strip() == "":
        return 9.0 if variant == "whitespace" else -12.0
    if any(c in text for c in "\n\r\t"):
        return -12.0
    if '"' in text:
        if variant == "endless":                              # opens with the plain quote, closes with none
            return -12.0 if text == '"' else -25.0
        return 3.9 if text == '"' else 1.0
    if re.fullmatch(r"[\s{}\[\]:,]+", text):
        return -3.0
    if re.fullmatch(r"\s*\d+", text):
        return -4.5
    if re.fullmatch(r"\s*[eE+\-./]+", text):
        return -9.0
    if re.search(r"[^\w\s.,?!]", text):
        return -6.0
    return 0.0


def build_weights(tok, variant, L, H=128, heads=4, kv=2, D=32, F=256):
    r = np.random.default_rng(SEED)
    n = tok.get_vocab_size(with_added_tokens=True)
    V = (n + 63) // 64 * 64                                   # config vocab > tokenizer, as in the real Qwen3
    W = {}
    for l in range(L):
        p = f"model.layers.{l}."
        W[p + "input_layernorm.weight"] = np.ones(H)
        W[p + "post_attention_layernorm.weight"] = np.ones(H)
        W[p + "self_attn.q_norm.weight"] = np.full(D, 2.0)
        W[p + "self_attn.k_norm.weight"] = np.full(D, 2.0)
        for name, shape in (("self_attn.q_proj", (heads * D, H)), ("self_attn.k_proj", (kv * D, H)),
                            ("self_attn.v_proj", (kv * D, H)), ("self_attn.o_proj", (H, heads * D)),
                            ("mlp.gate_proj", (F, H)), ("mlp.up_proj", (F, H)), ("mlp.down_proj", (H, F))):
            W[p + name + ".weight"] = r.normal(0, 0.02, shape)
    W["model.norm.weight"] = np.ones(H)
    if variant == "hostile":
        W["model.embed_tokens.weight"] = r.normal(0, 1.0, (V, H))
        W["lm_head.weight"] = r.normal(0, 0.08, (V, H))
        return W, V, None

    tid = lambda s: tok.token_to_id(s)
    byte = {v: k for k, v in tok.get_vocab().items()}
    one = lambda s: tok.encode(s, add_special_tokens=False).ids
    QUOTE, NL, NLNL, EOS, TH, TH_END = one('"')[0], one("\n")[0], one("\n\n")[0], tid("<|im_end|>"), tid("<think>"), tid("</think>")
    chain = list(dict.fromkeys(one(SENTENCE)))[:40]
    # channels: 0 constant, 1 "thinking is closed" (+-2, written by layer 0), 2.. one-hot of the last token, NOISE.. context noise
    hot = {t: 2 + i for i, t in enumerate([TH_END, TH, QUOTE, NL, NLNL] + chain)}
    OTHER = 2 + len(hot)
    for t in range(n):                                        # a string may be opened by a token like `": "` as well
        if tok.decode([t], skip_special_tokens=False).endswith('"'):
            hot[t] = hot[QUOTE]
    NOISE = OTHER + 1
    assert NOISE < H - 32, (NOISE, H)
    E = np.zeros((V, H))
    E[:, 0] = 4.0
    E[:, NOISE:] = r.normal(0, 0.3, (V, H - NOISE))
    for t in range(V):
        E[t, hot.get(t, OTHER)] = 4.0
    rms = np.sqrt((16 + 16 + 4 + 0.09 * (H - NOISE)) / H)
    C, HOT, CL = 4 / rms, 4 / rms, 2 / rms                    # value of each channel after the last norm

    for l in range(L):                                        # layers write only noise channels, but for one head
        p = f"model.layers.{l}."
        W[p + "self_attn.o_proj.weight"][:NOISE] = 0
        W[p + "mlp.down_proj.weight"][:NOISE] = 0
    a = "model.layers.0.self_attn."
    low = D // 2 - 1                                          # slowest rotary pair: position does not matter there
    for m in ("q_proj", "k_proj", "v_proj"):
        W[a + m + ".weight"][:D] = 0
    W[a + "o_proj.weight"][:, :2 * D] = 0                     # heads 0 and 1 share kv head 0
    W[a + "q_proj.weight"][low, 0] = 1.0
    W[a + "k_proj.weight"][low, [0, hot[TH_END]]] = [-1.0, 2.0]
    W[a + "v_proj.weight"][0, [0, hot[TH_END]]] = [-1 / 7, 2 / 7]
    W[a + "o_proj.weight"][1, 0] = 2.0                        # +2 once </think> is in the context, else -2

    U = np.zeros((V, H))                                      # lm_head
    bias, closed = np.full(V, -30.0), np.zeros(V)
    for t in range(n):
        s = tok.decode([t], skip_special_tokens=False)
        if byte[t] in SPECIAL:
            bias[t] = -25.0
        elif t in (TH, TH_END):
            pass
        else:
            bias[t] = base_logit(s, variant)
            if bias[t] == 0.0:
                U[t, NOISE:] = r.normal(0, 0.12, H - NOISE)
    bias[EOS], closed[EOS] = (-30.0, 0.0) if variant == "endless" else (-9.0, 12.0)
    bias[TH], closed[TH] = -25.0, -15.0
    bias[TH_END], closed[TH_END] = -10.6, -14.0
    U[:, 0] = bias / C
    U[:, 1] = closed / CL
    link = lambda a_, b_, w: U.__setitem__((b_, hot[a_]), U[b_, hot[a_]] + w / HOT)
    link(NL, TH, 35.0)
    link(TH_END, NLNL, 30.0)
    link(QUOTE, chain[0], 9.0)
    for s in (TH, NLNL):
        link(s, chain[0], 5.0)
    for x, y in zip(chain, chain[1:]):
        link(x, y, 5.0)
    link(chain[-1], TH_END, 10.0)
    if variant == "endless":
        link(chain[-1], chain[0], 5.0)
    else:
        link(chain[-1], EOS, 10.0)
        link(chain[-1], QUOTE, 8.0)
    W["model.embed_tokens.weight"], W["lm_head.weight"] = E, U
    return W, V, chain


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("out", type=Path)
    ap.add_argument("--variant", default="happy", choices=["happy", "hostile", "whitespace", "endless"])
    o = ap.parse_args()
    o.out.mkdir(parents=True, exist_ok=True)
    tok = build_tokenizer(o.out)
    # What never ends must not be so fast that a server has no time for anything else while it streams.
    layers = 48 if o.variant in ("endless", "whitespace") else 2
    W, V, chain = build_weights(tok, o.variant, layers)
    save_file({k: np.ascontiguousarray(v, dtype=np.float32) for k, v in W.items()},
              str(o.out / "model.safetensors"), metadata={"format": "pt"})
    eos = tok.token_to_id("<|im_end|>")
    (o.out / "config.json").write_text(json.dumps(dict(
        architectures=["Qwen3ForCausalLM"], model_type="qwen3", hidden_size=128, intermediate_size=256, num_hidden_layers=layers,
        num_attention_heads=4, num_key_value_heads=2, head_dim=32, vocab_size=V, max_position_embeddings=40960,
        rms_norm_eps=1e-6, rope_theta=1000000.0, tie_word_embeddings=False, hidden_act="silu", torch_dtype="bfloat16",
        eos_token_id=eos, bos_token_id=None, attention_bias=False), indent=1))
    (o.out / "generation_config.json").write_text(json.dumps(dict(
        do_sample=True, eos_token_id=[eos], temperature=0.6, top_p=0.95, top_k=20)))
    size = sum(p.stat().st_size for p in o.out.iterdir())
    print(f"{o.out}: variant={o.variant} tokens={tok.get_vocab_size()} vocab_size={V} eos={eos} "
          f"params={sum(v.size for v in W.values())} bytes={size} chain={len(chain) if chain else 0}")


if __name__ == "__main__":
    main()
