"""What a hosted store needs to be told, and a clear error where it is not there.

Belongs here: which settings are required, and where a user gets their values. Nothing here is
checked before a store is used, so that the code location loads without any account.
"""

from __future__ import annotations

from pydantic import SecretStr

from energy_assets.errors import CredentialError
from energy_assets.settings import Settings

WHERE = {
    "fs_project_name": "the name of your Hopsworks project, as its home page shows it",
    "fs_api_key": "made in Hopsworks under Account settings > API keys",
    "google_cloud_bucket_name": "the bucket's name, without gs://",
    "google_cloud_service_account_json_path": (
        "the key file of a service account, made in Google Cloud under IAM & Admin > Service "
        "accounts > Keys"
    ),
    "wandb_api_key": "shown at wandb.ai/authorize",
    "wandb_entity": "your user or team name in Weights & Biases",
    "wandb_project": "the name of your Weights & Biases project",
}
"""Required settings, and where their values are from."""


def required(settings: Settings, name: str) -> str:
    """The value of a setting that a hosted store cannot do without.

    Raises CredentialError, which never holds the value, if it is missing or still a placeholder
    such as `<your-api-key>`.
    """
    value = getattr(settings, name)
    text = (value.get_secret_value() if isinstance(value, SecretStr) else str(value or "")).strip()
    if not text:
        raise CredentialError(f"{name.upper()} is not set: it is {WHERE[name]}. Put it into .env.")
    if text.startswith("<") and text.endswith(">"):
        raise CredentialError(
            f"{name.upper()} is still a placeholder: it is {WHERE[name]}. Put it into .env."
        )
    return text


def refused(name: str, store: str) -> CredentialError:
    """The error for a value that a store does not accept: wrong, expired or revoked."""
    return CredentialError(
        f"{store} refuses {name.upper()}: wrong, revoked or without the rights it needs. "
        f"It is {WHERE[name]}."
    )
