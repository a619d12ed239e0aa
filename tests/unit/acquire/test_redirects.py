"""Where a server may send a download to."""

import ipaddress
import socket

import pytest

from chaosliver.acquire import redirects

HOSTS = {"zenodo.org": "188.185.48.194", "files.example.org": "93.184.216.34", "intranet": "10.1.2.3"}


@pytest.fixture(autouse=True)
def names(monkeypatch):
    def find(host, _):
        if host not in HOSTS:
            raise socket.gaierror(-2, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (HOSTS[host], 0))]

    monkeypatch.setattr(redirects.socket, "getaddrinfo", find)


@pytest.mark.parametrize(
    ("there", "checked", "fault"),
    [
        ("https://files.example.org/a.zip", True, ""),
        ("https://files.example.org/a.zip", False, ""),
        ("http://files.example.org/a.zip", True, ""),
        ("http://files.example.org/a.zip", False, "on http others could alter it"),
        ("https://intranet/a.zip", True, "it lies in a private network"),
        ("https://zenodo.org/b.zip", False, ""),
        # Behind a proxy names are not known here.
        ("https://unknown.example/a.zip", True, ""),
        ("file:///etc/passwd", True, "it is no address of the web"),
        ("https:///a.zip", True, "it is no address of the web"),
    ],
)
def test_a_redirect_from_the_web_is_followed_within_the_web(there, checked, fault):
    first = "https://zenodo.org/a.zip"
    found = redirects._fault(first, there, first, checked)
    assert found.startswith(fault) and bool(found) == bool(fault)


def test_a_server_of_ones_own_network_may_redirect_to_itself():
    first = "http://intranet/a.zip"
    assert redirects._fault(first, "http://intranet/b.zip", first, False) == ""
    # Where the first redirect led does not count, but what the config says.
    assert redirects._fault("https://zenodo.org/a.zip", "http://intranet/b.zip", first, True) == ""
    assert redirects._fault(first, "http://intranet/b.zip", "https://zenodo.org/a.zip", True)


def test_addresses_are_those_of_the_name():
    assert redirects.addresses_of("intranet") == [ipaddress.ip_address("10.1.2.3")]
    assert redirects.addresses_of("nowhere") == []
