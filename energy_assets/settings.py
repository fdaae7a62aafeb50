"""Environment variables and `.env` -> one typed, immutable `Settings`.

`.env.default` lists every variable with a comment. The environment overrides `.env`, and `.env`
overrides the defaults here. An empty variable counts as not set.
"""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from energy_assets.errors import CredentialError, SettingsError

_BESIDE_THE_PACKAGE = Path(__file__).parents[1]

IS_CHECKOUT = (_BESIDE_THE_PACKAGE / "workspace.yaml").is_file()
"""Whether the package is imported from a checkout of the project, not from an environment."""

PROJECT_ROOT = _BESIDE_THE_PACKAGE if IS_CHECKOUT else Path.cwd()
"""The project folder, where `.env` is read and relative paths start: the checkout, or the current
directory of an installed package."""


def typed(command: str) -> str:
    """What somebody types here to start a command: `make` is only in a checkout."""
    if IS_CHECKOUT:
        return f"make {command}"
    return {"dev": "dagster dev -m energy_assets.definitions"}.get(
        command, f"energy-assets {command}"
    )


PARTITION_FORMAT = "%Y-%m-%d-%H:%M"
"""Format of a partition key, such as `2023-03-01-10:00`."""

_OLDEST_START = datetime(1970, 1, 1)
"""No hourly data is older, and each hour from the first on is a partition."""

_DEGREES = r"-?\d{1,3}(\.\d+)?"

_LOCATIONS = rf"^(\s*[^=;]+=\s*{_DEGREES}\s*,\s*{_DEGREES}\s*(;|$))*$"


class Settings(BaseSettings):
    """All settings."""

    model_config = SettingsConfigDict(
        env_file=PROJECT_ROOT / ".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    energy_source: str = "simulator"
    """One of the names in `sources.opening.SOURCES`."""
    energy_dataset: str | None = None
    """One of the names in `sources.profiles.PROFILES`; unset: the source's default."""
    energy_file: Path | None = None
    energy_api_url: str = "https://api.energidataservice.dk"

    weather_source: Literal["simulator", "file", "open-meteo", "none"] | None = None
    """Unset: the simulator if the consumption is simulated, else none."""
    weather_file: Path | None = None
    weather_locations: str = Field(default="", pattern=_LOCATIONS)
    """Where areas are, in degrees: `DK1=56.1,9.6; DK2=55.6,12.2`; empty: the data set's own."""
    weather_url: str = Field(default="https://{api}.open-meteo.com", pattern=r"^https?://[^\s?#]+$")
    """`{api}` stands for one of Open-Meteo's APIs, such as `archive-api`."""
    weather_api_key: SecretStr | None = None
    """For customers of Open-Meteo."""

    days_delay: int = Field(default=0, ge=0, le=36_500)
    """The newest partition is this many days old, because sources publish late."""
    days_export: int = Field(default=30, ge=1, le=3_650)
    """Length of the training window in days."""
    partitions_start: str | None = None
    """The first partition; unset: see `first_hour`."""

    feature_store: Literal["embedded", "hopsworks"] = "embedded"
    """The store for features and models."""
    feature_group_version: int = Field(default=1, ge=1)
    training_datasets_kept: int = Field(default=168, ge=1)
    """Maintenance keeps this many of the newest training datasets."""
    runs_kept_days: int = Field(default=30, ge=7, le=36_500)
    """Maintenance removes runs of Dagster that ended longer ago."""
    run_executor: Literal["in_process", "multiprocess", "celery", "kubernetes"] = "in_process"
    """Where the steps of a run are executed, see `automation.executors`."""
    celery_broker_url: SecretStr | None = None
    """Redis, which may need a password; for `run_executor` celery."""
    fs_host: str = "eu-west.cloud.hopsworks.ai"
    fs_port: int = Field(default=443, ge=1, le=65_535)
    fs_project_name: str | None = None
    fs_api_key: SecretStr | None = None
    fs_trust_store: Path | None = None
    """PEM file of the certificate authority, for a cluster with its own certificates."""
    fs_hostname_verification: bool = True
    """Whether the certificate must name the host. It must be a trusted one in any case."""
    fs_retry_seconds: float = Field(default=300.0, ge=0, le=86_400)
    """How long a server that cannot be reached is tried again."""
    fs_statistics: bool = False
    fs_stream: bool = False

    object_store: Literal["local", "gcs"] = "local"
    google_cloud_project: str | None = None
    google_cloud_bucket_name: str | None = None
    google_cloud_bucket_folder: str = ""
    google_cloud_service_account_json_path: Path | None = None
    """Key file of a service account; unset: application default credentials."""
    storage_root: Path = Path("storage")

    series_shards: int = Field(default=1, ge=1, le=10_000)
    """A new feature group is divided into so many groups of series."""
    shard_workers: str = Field(default="", pattern=r"^([1-9]\d{0,3}|(tcp|tls)://\S+)?$")
    """Where shards are worked on: empty: in turn; a number: so many processes; a Dask scheduler."""

    wandb_mode: Literal["disabled", "offline", "online"] = "disabled"
    wandb_base_url: str = "https://api.wandb.ai"
    wandb_api_key: SecretStr | None = None
    wandb_entity: str | None = None
    wandb_project: str | None = None

    tuning_trials: int = Field(default=5, ge=1)
    tuning_seconds: float = Field(default=120.0, gt=0, allow_inf_nan=False)
    model_max_age_hours: int = Field(default=168, ge=1)
    """Models older than this make no forecasts."""
    models_kept_days: int = Field(default=90, ge=8)
    """Maintenance removes older models, unless a newer forecast was made with them."""
    require_tuning: bool = False
    """Whether a model needs a tuned configuration; otherwise it may use the default one."""
    forecast_patience_seconds: float = Field(default=120.0, gt=0)
    """A forecast waits this long for the feature store, and again for the model registry."""
    forecast_grace_minutes: int = Field(default=15, ge=0)
    """A forecast made later than this after it was due is late."""
    catch_up_hours: int = Field(default=72, ge=1, le=720)
    """Each of this many recent hours gets its forecast, even if late."""

    serve_host: str = "127.0.0.1"
    serve_port: int = Field(default=8001, ge=1, le=65_535)
    serve_public_url: str = Field(default="", pattern=r"^(https?://\S+)?$")
    """Where people find the page; empty: at `serve_host` and `serve_port`."""
    serve_api_keys: str = Field(default="", pattern=r"^([\w.-]+:[0-9a-f]{64}(\s*,\s*|$))*$")
    """Names and hashed keys, `planner:<SHA-256>, trader:<SHA-256>`; empty: no key is needed."""
    serve_cors_origins: str = ""
    """The origins of other pages that may call the API, separated by commas."""
    serve_rate_limit: str = Field(default="", pattern=r"^([1-9]\d{0,8}/(second|minute|hour|day))?$")
    """Requests of each client, such as `1200/minute`; empty: that many, without this machine's."""

    @field_validator("*", mode="before")
    @classmethod
    def _is_text(cls, value: object) -> object:
        # Bytes of the environment that are not UTF-8 become characters that cannot be encoded.
        if isinstance(value, str) and ("\0" in value or not _is_unicode(value)):
            raise ValueError("use UTF-8 text without null characters")
        return value

    @field_validator("partitions_start")
    @classmethod
    def _is_a_partition_key(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            hour = datetime.strptime(value, PARTITION_FORMAT)
        except ValueError:
            raise ValueError("use YYYY-MM-DD-HH:MM in UTC, such as 2023-01-01-00:00") from None
        if hour.minute:
            raise ValueError("use a full hour, such as 2023-01-01-00:00")
        if hour > utc_now():
            raise ValueError("use an hour that has passed: it is the first one with a partition")
        if hour < _OLDEST_START:
            raise ValueError(f"use an hour from {_OLDEST_START:{PARTITION_FORMAT}} on")
        return value

    @field_validator(
        "storage_root",
        "energy_file",
        "weather_file",
        "fs_trust_store",
        "google_cloud_service_account_json_path",
    )
    @classmethod
    def _below_the_project(cls, value: Path | None) -> Path | None:
        return value if value is None else PROJECT_ROOT / value

    @field_validator("weather_source")
    @classmethod
    def _is_as_real_as_the_consumption(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value == "simulator" and info.data.get("energy_source") != "simulator":
            raise ValueError("simulated weather belongs to ENERGY_SOURCE=simulator: choose another")
        return value

    @field_validator("google_cloud_service_account_json_path")
    @classmethod
    def _is_a_path(cls, value: Path | None) -> Path | None:
        if value is not None and "private_key" in str(value):
            raise ValueError("use the path of the key file, not the key itself")
        return value

    @field_validator("celery_broker_url")
    @classmethod
    def _is_redis(cls, value: SecretStr | None) -> SecretStr | None:
        # What becomes of the step of a lost worker is known for this broker alone.
        if value is not None and not value.get_secret_value().startswith(("redis://", "rediss://")):
            raise ValueError("use the URL of a Redis server, redis://:PASSWORD@HOST:6379/0")
        return value

    @field_validator("serve_api_keys")
    @classmethod
    def _names_each_key(cls, value: str) -> str:
        names = [pair.partition(":")[0].strip() for pair in value.split(",") if pair.strip()]
        if len(names) != len(set(names)):
            raise ValueError("give each key a name of its own, or one of them would not work")
        return value

    @property
    def api_key_hashes(self) -> dict[str, str]:
        """Name -> SHA-256 of the key, hexadecimal."""
        pairs = (pair.strip() for pair in self.serve_api_keys.split(",") if pair.strip())
        return dict(pair.split(":", 1) for pair in pairs)

    @property
    def page_url(self) -> str:
        """Where people find the page, without a slash at its end."""
        return (self.serve_public_url or f"http://{self.serve_host}:{self.serve_port}").rstrip("/")

    @property
    def first_hour(self) -> datetime:
        """The first partition's hour, naive UTC.

        PARTITIONS_START; failing that, the hour that the first command in STORAGE_ROOT has chosen;
        failing that, the hour that earlier releases started with.
        """
        key = self.partitions_start
        try:
            key = key or self.first_partition_file.read_text().strip()
            return datetime.strptime(key, PARTITION_FORMAT)
        except FileNotFoundError:
            return datetime(2023, 1, 1)
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"{self.first_partition_file} cannot be read as a partition ({error}): restore it, "
                "or set PARTITIONS_START to the first partition, as YYYY-MM-DD-HH:MM"
            ) from None

    @property
    def first_partition_file(self) -> Path:
        """Where the first partition is kept if PARTITIONS_START is not set."""
        return self.storage_root / "first_partition.txt"


def read_settings(**overrides: object) -> Settings:
    """Read the settings; raises SettingsError naming every variable with a wrong value.

    The message never repeats a value, because it may be a secret.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # pydantic checks the values
    except ValidationError as error:
        problems = "; ".join(
            f"{'_'.join(str(part) for part in problem['loc']).upper()}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        )
        raise SettingsError(
            f"the settings cannot be used: {problems}. Correct the environment or .env; "
            ".env.default explains every variable."
        ) from None
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"{PROJECT_ROOT / '.env'} is not UTF-8 text. Save it as UTF-8."
        ) from error
    except OSError as error:
        raise SettingsError(
            f"{error.filename or PROJECT_ROOT / '.env'} cannot be read ({error.strerror}). Give "
            "this user the right to read it."
        ) from error


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def utc_now() -> datetime:
    """The current time as naive UTC, the form of all times in this project."""
    return datetime.now(timezone.utc).replace(tzinfo=None)


WHERE_TO_FIND = {
    "celery_broker_url": "the URL of a Redis server, redis://:PASSWORD@HOST:6379/0",
    "fs_project_name": "the name of your Hopsworks project, shown on its home page",
    "fs_api_key": "created in Hopsworks under Account settings > API keys",
    "google_cloud_bucket_name": "the bucket's name, without gs://",
    "google_cloud_service_account_json_path": (
        "the key file of a service account, created in Google Cloud under IAM & Admin > Service "
        "accounts > Keys"
    ),
    "wandb_api_key": "shown at wandb.ai/authorize",
    "wandb_entity": "your user or team name in Weights & Biases",
    "wandb_project": "the name of your Weights & Biases project",
}
"""The settings that hosted services need, and where their values come from."""


def required_setting(settings: Settings, name: str) -> str:
    """The value of a setting that a hosted service needs.

    Raises CredentialError if it is missing or still a placeholder such as `<your-api-key>`. The
    message never contains the value.
    """
    value = getattr(settings, name)
    text = (value.get_secret_value() if isinstance(value, SecretStr) else str(value or "")).strip()
    if text and not (text.startswith("<") and text.endswith(">")):
        return text
    state = "still a placeholder" if text else "not set"
    raise CredentialError(
        f"{name.upper()} is {state}: it is {WHERE_TO_FIND[name]}. Set it in .env."
    )


def refused_credential(name: str, service: str) -> CredentialError:
    """The error for a value that a service refuses, because it is wrong, expired or revoked."""
    return CredentialError(
        f"{service} refuses {name.upper()}: it is wrong, revoked, or lacks the rights it needs. "
        f"It is {WHERE_TO_FIND[name]}."
    )
