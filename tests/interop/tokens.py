"""Tokens read, and spoilt, without a key: what a thief or a tinkerer can do to one."""

import base64
import json
import os
from pathlib import Path

import pytest


def decode(part):
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def encode(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def header(token):
    return decode(token.split(".")[0])


def claims(token):
    return decode(token.split(".")[1])


def with_header(token, **changes):
    head, payload, signature = token.split(".")
    return f"{encode({**decode(head), **changes})}.{payload}.{signature}"


def with_claims(token, **changes):
    head, payload, signature = token.split(".")
    return f"{head}.{encode({**decode(payload), **changes})}.{signature}"


def with_signature_of(token, other):
    head, payload, _ = token.split(".")
    return f"{head}.{payload}.{other.split('.')[2]}"


def clock_set(offset):
    """The environment that sets a dynamically linked process's wall clock off by `offset`, as in "+2h"."""
    library = os.environ.get("INTEROP_FAKETIME")
    if not library:
        pytest.skip("SKIPPED: libfaketime is not to be had, so no clock was moved")
    # Of a static executable the dynamic loader's name is not a part.
    if b"/ld-linux" not in Path(os.environ["PORTCULLIS_BIN"]).read_bytes()[:8192]:
        pytest.skip("SKIPPED: the binary is statically linked, so its clock cannot be moved")
    return {"LD_PRELOAD": library, "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
