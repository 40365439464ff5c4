"""The web process: settings → clients → pages → serve."""

import argparse
import sys

import grpc
import uvicorn
from starlette.types import ASGIApp

from services.runtime import logs, process
from services.runtime.clock import SystemClock
from services.runtime.grpc_client import connect
from services.runtime.http_listener import HttpListener
from services.runtime.randomness import SystemRandomness
from services.runtime.settings import load
from services.web import help_dates
from services.web.api.app import as_json
from services.web.clients import (
    GrpcAudit,
    GrpcColleagues,
    GrpcDesk,
    GrpcGateway,
    GrpcIdentity,
    GrpcInPerson,
    GrpcOtp,
    GrpcRegistration,
    GrpcRegistrationCodes,
)
from services.web.domain.errors import as_markdown
from services.web.routes import build_app
from services.web.sessions import CookieSealer
from services.web.settings import WebSettings
from services.web.sites import BadSites, Sites
from services.web.visit import House, Peers, environment

DRAIN_SECONDS = 5
"""Long polls end early at a stop; the browser asks again."""


def _listener(app: ASGIApp, settings: WebSettings) -> HttpListener:
    host, port = settings.listen
    tls = settings.listens_with_tls
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        ssl_certfile=settings.TLS_CERT_FILE if tls else None,
        ssl_keyfile=settings.TLS_KEY_FILE if tls else None,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        date_header=True,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        h11_max_incomplete_event_size=16 * 1024,
        ws="none",
        lifespan="off",
    )
    return HttpListener(config)


def _channels(settings: WebSettings) -> dict[str, grpc.aio.Channel]:
    addresses = {
        "card_gateway": settings.CARD_GATEWAY_ADDRESS,
        "identity": settings.IDENTITY_ADDRESS,
        "otp": settings.OTP_ADDRESS,
        "audit_reader": settings.AUDIT_ADDRESS,
    }
    return {name: connect(name, address, settings.tls) for name, address in addresses.items()}


def _house(settings: WebSettings, channels: dict[str, grpc.aio.Channel]) -> House:
    peers = Peers(
        gateway=GrpcGateway(channels["card_gateway"]),
        identity=GrpcIdentity(channels["identity"]),
        otp=GrpcOtp(channels["otp"]),
        audit=GrpcAudit(channels["audit_reader"]),
        desk=GrpcDesk(channels["identity"]),
        in_person=GrpcInPerson(channels["identity"]),
        colleagues=GrpcColleagues(channels["identity"]),
        registration=GrpcRegistration(channels["identity"]),
        registration_codes=GrpcRegistrationCodes(channels["otp"]),
    )
    return House(peers, settings, SystemClock(), SystemRandomness(), environment(), sites=_sites(settings))


def _sites(settings: WebSettings) -> Sites:
    """Read the list of sites, or end the process with 2 and what is wrong with it."""
    try:
        return Sites.from_file(settings.SITES_FILE) if settings.SITES_FILE else Sites()
    except (BadSites, UnicodeDecodeError) as error:
        print(f"SITES_FILE: {error}", file=sys.stderr)
        raise SystemExit(2) from None


async def serve(_: argparse.Namespace) -> int:
    """Serve the pages."""
    settings = load(WebSettings)
    logs.configure("web", settings.LOG_LEVEL)
    channels = _channels(settings)
    house = _house(settings, channels)
    app = build_app(house, CookieSealer(settings.cookie_key(), house.randomness))
    listener = _listener(app, settings)
    closers = [channel.close for channel in channels.values()]
    return await process.serve([listener], closers=closers)


def check_config(_: argparse.Namespace) -> int:
    """Read the settings and the key; say what is wrong with them."""
    settings = load(WebSettings)
    settings.cookie_key()
    _sites(settings)
    environment()
    return 0


def errors(_: argparse.Namespace) -> int:
    """Print the catalogue of error codes as docs/errors.md holds it."""
    print(as_markdown(), end="")
    return 0


def openapi(_: argparse.Namespace) -> int:
    """Print the JSON API's document as docs/openapi.json holds it."""
    print(as_json(), end="")
    return 0


def dates(_: argparse.Namespace) -> int:
    """Write down today as the last edit of every page of help that says something else now."""
    today = SystemClock().now().date()
    help_dates.FILE.write_text(help_dates.as_json(help_dates.edited_since(help_dates.written_down(), today)))
    return 0


if __name__ == "__main__":
    process.main(
        "web",
        {
            "serve": serve,
            "check-config": check_config,
            "errors": errors,
            "openapi": openapi,
            "dates": dates,
        },
    )
