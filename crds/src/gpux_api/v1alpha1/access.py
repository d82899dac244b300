"""Who may ask a model, how often, from which web pages, and over TLS or not."""

import re
from typing import Annotated

from pydantic import Field

from gpux_api.base import SET, ApiModel, Rule, distinct
from gpux_api.v1alpha1.secrets import SecretRef


class RateLimitSpec(ApiModel):
    """How fast one client may ask one replica: a token bucket."""

    requests_per_second: Annotated[int, Field(ge=1, le=1000000)] = Field(
        description="Requests a second that each client may send to each replica, in the long run."
    )
    burst: Annotated[int, Field(ge=1, le=1000000)] | None = Field(
        default=None, description="Requests that may come at once. Omitted: those of one second."
    )

    @property
    def bucket(self) -> int:
        """What the bucket holds, in requests."""
        return self.burst or self.requests_per_second


class ApiKeysSpec(ApiModel):
    """Keys that callers have to send, each of one client."""

    secret_ref: SecretRef = Field(
        description="The Secret with the keys: each of its entries is a client's name with that client's key of 16 to 512 "
        "printable ASCII characters. Changes count within about a minute, without a restart."
    )
    public_description: bool = Field(
        default=False,
        description="Whether what the model takes and answers (/info, /model/info, /openapi.json, /docs) is told without a key. The "
        "operator has no key: only then it fills status.model and status.example.",
    )
    rate_limit: RateLimitSpec | None = Field(
        default=None, description="How fast each client may ask. Omitted: no limit."
    )


ORIGIN = "^https?://[a-z0-9.-]+(:[0-9]{1,5})?$"
Origins = Annotated[
    list[Annotated[str, Field(max_length=253)]], Field(min_length=1, max_length=32, json_schema_extra=SET), distinct()
]


class CorsSpec(ApiModel):
    """Web pages of other origins whose scripts may ask the model."""

    allowed_origins: Origins = Field(
        description="Origins as browsers send them, such as https://app.example.com; or '*' alone for any."
    )

    rules = (
        Rule(
            cel=f"self.allowedOrigins == ['*'] || self.allowedOrigins.all(item, item.matches('{ORIGIN}'))",
            check=lambda c: (
                c.allowed_origins == ["*"] or all(re.fullmatch(ORIGIN[1:-1], item) for item in c.allowed_origins)
            ),
            message="allowedOrigins are scheme, host and port, without a path or a '/' at the end, in lower case: write for instance "
            "https://app.example.com or http://localhost:3000; or '*' alone for any",
        ),
    )


class TlsSpec(ApiModel):
    """TLS at the pods, HTTP and gRPC alike."""

    secret_ref: SecretRef = Field(
        description="A Secret of type kubernetes.io/tls (tls.crt, tls.key). A renewed certificate is taken without a restart."
    )


class AccessSpec(ApiModel):
    """Who may ask the model. Omitted: whoever reaches it, over plain HTTP."""

    api_keys: ApiKeysSpec | None = Field(default=None, description="Keys that callers have to send. Omitted: none.")
    cors: CorsSpec | None = Field(
        default=None, description="Web pages of other origins that may ask. Omitted: browsers let none."
    )
    tls: TlsSpec | None = Field(
        default=None, description="TLS at the pods, for callers inside the cluster. Omitted: plain HTTP."
    )


ACCESS_RULES = (
    Rule(
        cel="!has(self.access) || !has(self.access.tls) || self.serving.visibility == 'ClusterLocal'",
        check=lambda s: s.access is None or s.access.tls is None or s.serving.visibility == "ClusterLocal",
        message="access.tls is for callers inside the cluster: KServe's ingress speaks plain HTTP to pods. Set serving.visibility: "
        "ClusterLocal, or remove access.tls and let the ingress end TLS",
    ),
)
"""Rules of the spec about its access and other fields."""
