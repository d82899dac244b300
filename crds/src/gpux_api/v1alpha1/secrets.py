"""Secrets that a manifest names. They are in the model's namespace, and only pods read them."""

from typing import Annotated

from pydantic import Field

from gpux_api.base import ApiModel

_Name = Annotated[str, Field(min_length=1, max_length=253)]


class SecretRef(ApiModel):
    """A Secret of which all entries count."""

    name: _Name = Field(description="The Secret's name.")


class UrlSecretKeyRef(SecretRef):
    """One entry of a Secret, which holds a URL."""

    key: _Name = Field(default="url", description="The key in it.")


class WebhookSecretKeyRef(SecretRef):
    """One entry of a Secret, with what callbacks are signed with."""

    key: _Name = Field(
        default="secret",
        description="The key in it: whsec_ and the base64 of 24 to 64 random bytes; several with blanks.",
    )
