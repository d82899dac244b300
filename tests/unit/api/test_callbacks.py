"""`spec.async.callbacks`: what may be written, and that what may be written is a network."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gpux_api.v1alpha1.jobs import CIDR, AsyncSpec, CallbacksSpec

REF = {"name": "webhooks"}
NETWORKS = st.one_of(
    st.tuples(st.ip_addresses(v=4), st.integers(0, 32)), st.tuples(st.ip_addresses(v=6), st.integers(0, 128))
).map(lambda pair: ip_network(pair, strict=False))


def test_defaults() -> None:
    spec = CallbacksSpec.model_validate({"secretRef": REF})
    assert (spec.secret_ref.name, spec.secret_ref.key) == ("webhooks", "secret")
    assert (spec.allowed_hosts, spec.allowed_networks) == (None, None)
    assert (spec.max_attempts, spec.timeout_seconds) == (10, 15)
    assert AsyncSpec().callbacks is None


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"secretRef": {}},
        {"secretRef": REF, "allowedNetworks": []},
        {"secretRef": REF, "allowedNetworks": ["10.0.0.0/8", "10.0.0.0/8"]},
        {"secretRef": REF, "allowedNetworks": ["10.0.0.0"]},
        {"secretRef": REF, "allowedNetworks": ["10.0.0.0/33"]},
        {"secretRef": REF, "allowedNetworks": ["10.0.0.0/08"]},
        {"secretRef": REF, "allowedNetworks": ["10.0.0.0/255.0.0.0"]},
        {"secretRef": REF, "allowedNetworks": ["010.0.0.0/8"]},
        {"secretRef": REF, "allowedNetworks": ["10.0.0/8"]},
        {"secretRef": REF, "allowedNetworks": ["10.0.0.256/8"]},
        {"secretRef": REF, "allowedNetworks": ["10.0.0.0/8\n"]},
        {"secretRef": REF, "allowedNetworks": ["fd00::/129"]},
        {"secretRef": REF, "allowedNetworks": ["fd00:::/8"]},
        {"secretRef": REF, "allowedNetworks": ["fd00::1::/8"]},
        {"secretRef": REF, "allowedNetworks": ["cluster"]},
        {"secretRef": REF, "allowedHosts": []},
        {"secretRef": REF, "allowedHosts": ["*"]},
        {"secretRef": REF, "allowedHosts": ["*.*.example"]},
        {"secretRef": REF, "allowedHosts": ["a.*.example"]},
        {"secretRef": REF, "allowedHosts": ["Hooks.example"]},
        {"secretRef": REF, "allowedHosts": ["https://hooks.example"]},
        {"secretRef": REF, "allowedHosts": ["hooks.example:443"]},
        {"secretRef": REF, "allowedHosts": ["hooks.example."]},
        {"secretRef": REF, "maxAttempts": 0},
        {"secretRef": REF, "maxAttempts": 11},
        {"secretRef": REF, "timeoutSeconds": 0},
        {"secretRef": REF, "timeoutSeconds": 61},
        {"secretRef": REF, "allowPrivateAddresses": True},
    ],
)
def test_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CallbacksSpec.model_validate(fields)


def test_hosts() -> None:
    hosts = ["hooks.example.com", "*.example.com", "receiver.team.svc", "my_service", "10.0.0.5"]
    assert CallbacksSpec.model_validate({"secretRef": REF, "allowedHosts": hosts}).allowed_hosts == hosts


@given(NETWORKS)
def test_every_network_may_be_written(network: IPv4Network | IPv6Network) -> None:
    mapped = isinstance(network, IPv6Network) and "." in str(network)
    for text in {str(network), network.exploded} if not mapped else {network.exploded}:
        assert CallbacksSpec.model_validate({"secretRef": REF, "allowedNetworks": [text]})


@given(st.one_of(st.from_regex(CIDR, fullmatch=True), st.text("0123456789abf:./", max_size=24)))
def test_what_may_be_written_is_a_network(text: str) -> None:
    if re.fullmatch(CIDR, text) and not text.endswith("\n"):
        ip_network(text, strict=False)
