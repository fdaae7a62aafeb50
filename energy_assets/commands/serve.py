"""`make serve`: the HTTP API and page, until it is interrupted."""

from __future__ import annotations

import ipaddress
import logging

from energy_assets.errors import SettingsError
from energy_assets.settings import Settings


def serve(settings: Settings) -> None:
    """Run the service on SERVE_HOST and SERVE_PORT.

    Raises SettingsError if the address cannot be used, or its libraries are not installed.
    """
    try:
        import uvicorn

        from energy_assets.serving.app import create_app
        from energy_assets.serving.service import Service
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"the service needs {error.name}: install energy-assets[serve]"
        ) from error
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    config = uvicorn.Config(
        create_app(Service.of(settings)),
        host=settings.serve_host,
        port=settings.serve_port,
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=3,
    )
    try:
        listening = config.bind_socket()
    except SystemExit as error:  # uvicorn has logged why
        raise SettingsError(
            f"cannot listen on {settings.serve_host}:{settings.serve_port}: set SERVE_HOST and "
            "SERVE_PORT to an address of this machine that is free"
        ) from error
    print(f"Page: {settings.page_url}/")
    print(f"API:  {settings.page_url}/v1 (described by {settings.page_url}/v1/openapi.json)")
    if not settings.serve_api_keys and not _is_loopback(settings.serve_host):
        print("Everybody who reaches this address can read the forecasts: see SERVE_API_KEYS.")
    uvicorn.Server(config).run([listening])


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
