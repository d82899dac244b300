"""Asynchronous tasks."""

import re
from typing import Annotated, Literal

from pydantic import Field

from gpux_api.base import SET, ApiModel, Rule, distinct
from gpux_api.quantity import Quantity, value_of
from gpux_api.v1alpha1.secrets import UrlSecretKeyRef, WebhookSecretKeyRef

_BYTE = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_H = "[0-9a-fA-F]{1,4}"
_IPV6 = "|".join(
    [
        f"({_H}:){{7}}{_H}",
        f"({_H}:){{1,7}}:",
        *(f"({_H}:){{1,{6 - n}}}(:{_H}){{1,{n + 1}}}" for n in range(5)),
        f"{_H}:(:{_H}){{1,6}}",
        f":((:{_H}){{1,7}}|:)",
    ]
)
CIDR = f"^(({_BYTE}[.]){{3}}{_BYTE}/(3[0-2]|[12]?[0-9])|({_IPV6})/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))$"
"""A network; not CEL's cidr(), which may not be used in a CRD before Kubernetes 1.31."""
_LABEL = "[a-z0-9_]([-a-z0-9_]*[a-z0-9_])?"
HOST = f"^([*][.])?{_LABEL}([.]{_LABEL})*$"
Networks = Annotated[
    list[Annotated[str, Field(max_length=43)]], Field(min_length=1, max_length=32, json_schema_extra=SET), distinct()
]
Hosts = Annotated[
    list[Annotated[str, Field(max_length=253)]], Field(min_length=1, max_length=64, json_schema_extra=SET), distinct()
]


def _each(field: str, name: str, pattern: str, message: str) -> Rule:
    """Each item of a list matches; the message of a rule says more than the pattern would."""
    return Rule(
        cel=f"!has(self.{name}) || self.{name}.all(item, item.matches('{pattern}'))",
        check=lambda spec: all(re.fullmatch(pattern[1:-1], item) for item in getattr(spec, field) or ()),
        message=message,
    )


class CallbacksSpec(ApiModel):
    """Signed POSTs of a task's end to the `callback_url` of its caller."""

    secret_ref: WebhookSecretKeyRef = Field(description="What callbacks are signed with (Standard Webhooks).")
    allowed_hosts: Hosts | None = Field(
        default=None,
        description="Hosts that callbacks may go to, such as hooks.example.com or *.example.com. Omitted: any.",
    )
    allowed_networks: Networks | None = Field(
        default=None,
        description="Networks that callbacks may go to though they are not public, such as 10.96.0.0/12. Omitted: none.",
    )
    max_attempts: Annotated[int, Field(ge=1, le=10)] = Field(
        default=10, description="Attempts at most, while the result is kept (resultTTLSeconds)."
    )
    timeout_seconds: Annotated[int, Field(ge=1, le=60)] = Field(
        default=15, description="How long a receiver has to answer."
    )

    rules = (
        _each("allowed_networks", "allowedNetworks", CIDR,
              "allowedNetworks are in CIDR form, each byte and prefix in decimal: write for instance 10.96.0.0/12 or fd00:10:96::/112"),
        _each("allowed_hosts", "allowedHosts", HOST,
              "allowedHosts are lower-case names without scheme and port: write for instance hooks.example.com, or *.example.com for "
              "all names below it"),
    )  # fmt: skip


class AsyncSpec(ApiModel):
    """Tasks that are submitted and polled."""

    enabled: bool = Field(default=True, description="Whether /predict/async takes tasks.")
    store: Literal["embedded", "redis"] = Field(
        default="embedded",
        description="Where tasks are kept: embedded, in a file of the one replica; redis, for any number of replicas.",
    )
    redis_url_secret_ref: UrlSecretKeyRef | None = Field(
        default=None, description="The Secret with the URL of Redis, such as redis://user:password@redis:6379/0."
    )
    claim_name: Annotated[str, Field(min_length=1, max_length=253)] | None = Field(
        default=None,
        description="A PersistentVolumeClaim for the embedded store. Omitted: its tasks live as long as the pod.",
    )
    result_ttl_seconds: Annotated[int, Field(alias="resultTTLSeconds", ge=1, le=31536000)] = Field(
        default=3600, alias="resultTTLSeconds", description="How long a result can be fetched."
    )
    max_queued: Annotated[int, Field(ge=1, le=10000000)] = Field(
        default=10000, description="Tasks that may wait; 429 beyond."
    )
    max_stored: Quantity = Field(
        default="1Gi", description="Bytes of bodies and results from which on no task is accepted (507)."
    )
    max_attempts: Annotated[int, Field(ge=1, le=100)] = Field(
        default=3, description="Tries before a task fails for good."
    )
    listed: bool = Field(
        default=False,
        description="Whether GET /monitoring/tasks lists tasks, which shows callers the tasks of others.",
    )
    callbacks: CallbacksSpec | None = Field(
        default=None, description="Lets callers name a callback_url. Omitted: tasks with one are refused."
    )

    rules = (
        Rule(
            cel="(self.store == 'redis') == has(self.redisUrlSecretRef)",
            check=lambda a: (a.store == "redis") == (a.redis_url_secret_ref is not None),
            message="store redis and redisUrlSecretRef go together: set both, or neither",
        ),
        Rule(
            cel="self.store == 'embedded' || !has(self.claimName)",
            check=lambda a: a.store == "embedded" or a.claim_name is None,
            message="claimName is for the embedded store: remove it, Redis keeps the tasks",
        ),
        Rule(
            cel="quantity(string(self.maxStored)).compareTo(quantity('1Mi')) >= 0",
            check=lambda a: value_of(a.max_stored) >= value_of("1Mi"),
            message="maxStored is an amount of bytes, at least 1Mi: write for instance 1Gi",
        ),
    )
