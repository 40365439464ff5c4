"""Calls without our own client in between: what a caller really gets on the wire."""

from collections.abc import Awaitable
from pathlib import Path

import grpc
import pytest

from deploy.local.keys import Keys
from services.runtime.grpc_tls import TlsFiles, server_name


def tls_of(keys: Keys, process: str) -> TlsFiles:
    files = keys.tls(process)
    return TlsFiles(*(Path(files[name]) for name in ("TLS_CA_FILE", "TLS_CERT_FILE", "TLS_KEY_FILE")))


def bare_channel(process: str, address: str, tls: TlsFiles) -> grpc.aio.Channel:
    options = [("grpc.ssl_target_name_override", server_name(process))]
    return grpc.aio.secure_channel(address, tls.channel_credentials(), options=options)


async def refusal_bytes(call: Awaitable[object]) -> tuple[object, ...]:
    """Return all that a refused caller learns: status, text, and every trailing header."""
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    error = refused.value
    return error.code(), error.details(), *sorted(error.trailing_metadata() or (), key=str)
