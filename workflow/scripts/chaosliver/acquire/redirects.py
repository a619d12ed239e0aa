"""Following the redirects of a server only to where a download may come from."""

import ipaddress
import socket
from urllib.parse import urljoin, urlsplit

import requests

from ..base.errors import InputError

REDIRECTS_AT_MOST = 10


def get(url: str, *, checked: bool, headers: dict[str, str], timeout: tuple[float, float]) -> requests.Response:
    """The answer at `url`, or at where it redirects to; its body is not read yet.

    `checked` says whether the content will be compared with a checksum. Raises InputError for a redirect to anything
    but http and https, to another host of a private network, from https to http without a checksum, and for more than
    10 in a row; else what requests raises.
    """
    here, cookies = url, requests.cookies.RequestsCookieJar()
    for _ in range(REDIRECTS_AT_MOST + 1):
        response = requests.get(
            here, headers=headers, timeout=timeout, cookies=cookies, stream=True, allow_redirects=False
        )
        if not response.is_redirect:
            return response
        cookies.update(response.cookies)
        response.close()
        there = urljoin(here, response.headers["location"])
        if fault := _fault(here, there, url, checked):
            raise InputError(
                f"{url}: redirects to {there}, which is not followed: {fault}. Give the address of the archive itself"
            )
        here = there
    raise InputError(f"{url}: redirects more than {REDIRECTS_AT_MOST} times. Give the address of the archive itself")


def _fault(here: str, there: str, first: str, checked: bool) -> str:
    """Why a redirect from `here` to `there` is not followed; empty if it is. `first` is the address of the config."""
    source, target, asked = urlsplit(here), urlsplit(there), urlsplit(first)
    host = target.hostname
    if target.scheme not in ("http", "https") or not host:
        return "it is no address of the web"
    if source.scheme == "https" and target.scheme == "http" and not checked:
        return "on http others could alter it, and no sha256 would tell"
    if host != asked.hostname and not all(address.is_global for address in addresses_of(host)):
        return "it lies in a private network"
    return ""


def addresses_of(host: str) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """The addresses of a host; none where its name is not known here, as behind a proxy."""
    try:
        found = {str(entry[4][0]).partition("%")[0] for entry in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        return []
    addresses = [ipaddress.ip_address(each) for each in sorted(found)]
    return [getattr(address, "ipv4_mapped", None) or address for address in addresses]
