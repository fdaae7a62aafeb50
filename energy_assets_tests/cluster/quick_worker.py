"""The project's worker, but one that counts as lost after seconds."""

from energy_assets.automation.executors.celery_worker import create_app
from energy_assets.settings import read_settings
from energy_assets_tests.cluster.celery_cluster import LOST_AFTER

app = create_app(read_settings(_env_file=None), LOST_AFTER)
