"""The recipe for nginx, in a real nginx, with a certificate for the old name. R28, R46."""

import http.client
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from deploy.local.child import free_port, wait_until
from deploy.local.keys import Keys
from services.web.domain.guides import OLD_SERVICE
from tests.web.conftest import Site

OLD_BOOKMARK = "/selfservicewebapp/unlockCardStart"
DEADLINE_SECONDS = 30


@pytest.fixture
def nginx(site: Site, keys: Keys, tmp_path: Path) -> Iterator[int]:
    """nginx with the recipe as our page gives it: only port and certificate are this machine's."""
    port = free_port()
    recipe = urlopen(f"{site.origin}/help/redirects/nginx.conf").read().decode()
    tls = keys.tls("web")
    recipe = recipe.replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl")
    recipe = recipe.replace("/etc/nginx/old-self-service.crt", tls["TLS_CERT_FILE"])
    recipe = recipe.replace("/etc/nginx/old-self-service.key", tls["TLS_KEY_FILE"])
    assert "/etc/" not in recipe
    config = tmp_path / "nginx.conf"
    config.write_text(
        f"daemon off; master_process off; pid {tmp_path}/pid; error_log stderr;\nevents {{}}\n"
        f"http {{ access_log off; client_body_temp_path {tmp_path}/a; proxy_temp_path {tmp_path}/b;"
        f" fastcgi_temp_path {tmp_path}/c; uwsgi_temp_path {tmp_path}/d; scgi_temp_path {tmp_path}/e;\n"
        f"{recipe}\n}}\n"
    )
    process = subprocess.Popen(["/usr/sbin/nginx", "-p", str(tmp_path), "-c", str(config)])
    wait_until("nginx to listen", lambda: _listens(port), DEADLINE_SECONDS)
    yield port
    process.terminate()
    process.wait(DEADLINE_SECONDS)


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def asked(port: int, path: str) -> tuple[int, str]:
    """Ask as a browser would whose name service leads the old name here."""
    connection = http.client.HTTPSConnection(
        "127.0.0.1", port, timeout=DEADLINE_SECONDS, context=ssl._create_unverified_context()
    )
    connection.request("GET", path, headers={"Host": OLD_SERVICE})
    answer = connection.getresponse()
    location = answer.headers.get("Location", "")
    connection.close()
    return answer.status, location


def test_R28_nginx_leads_old_bookmarks_to_the_start_page_for_good(nginx: int, site: Site) -> None:
    status, location = asked(nginx, OLD_BOOKMARK)

    assert (status, location) == (301, f"{site.origin}/")
    assert "Use this service to set a new passcode" in urlopen(location).read().decode()
    assert asked(nginx, "/anything-else")[0] == 404
