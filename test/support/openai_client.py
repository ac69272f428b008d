"""OpenAI's client for Python, as test/openai-python.test.ts tells it: a call a line in, what came of it a line out."""

import json
import sys

import openai
import pydantic


class Verdict(pydantic.BaseModel):
    """What the model is asked for under a schema."""

    word: str = pydantic.Field(max_length=10)
    score: int


def method(client, path):
    for name in path.split("."):
        client = getattr(client, name)
    return client


def plain(value):
    if isinstance(value, pydantic.BaseModel):
        return value.model_dump()
    return value


def told(error):
    """What a program can know of an error."""
    names = ("code", "param", "status_code", "request_id", "body", "message")
    return {"class": type(error).__name__} | {name: getattr(error, name, None) for name in names}


def pieces_of(stream, limit):
    """Reads a stream: to its end, or until so many pieces have come."""
    pieces = []
    error = None
    try:
        for piece in stream:
            pieces.append(plain(piece))
            if len(pieces) == limit:
                stream.close()
                break
    except openai.APIError as failure:
        error = told(failure)
    return {"pieces": pieces, "error": error}


def call(path, arguments, url, key="none", retries=0, headers=None, limit=None):
    client = openai.OpenAI(base_url=url, api_key=key, max_retries=retries, default_headers=headers)
    if arguments.get("response_format") == "Verdict":
        arguments["response_format"] = Verdict
    try:
        reply = method(client, path)(**arguments)
        if isinstance(reply, openai.Stream):
            return pieces_of(reply, limit)
        if hasattr(reply, "has_next_page"):
            return {"reply": [plain(item) for item in reply]}
        if hasattr(reply, "__enter__"):
            with reply as stream:
                return {"reply": plain(stream.get_final_completion())}
        return {"reply": plain(reply), "request_id": reply._request_id}
    except openai.APIError as failure:
        return {"error": told(failure)}


for line in sys.stdin:
    print(json.dumps(call(**json.loads(line))), flush=True)
