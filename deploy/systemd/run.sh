#!/bin/sh
# Runs a command as the services run, as root: deploy/systemd/run.sh .venv/bin/python -m energy_assets status
set -eu
command=$(realpath --no-symlinks "$1")
shift
exec systemd-run --quiet --pipe --wait --collect \
    --property=User=energy-assets \
    --property=WorkingDirectory=/opt/energy-assets/current \
    --property=EnvironmentFile=-/etc/energy-assets/environment \
    --property=LoadCredential=pg_service:/etc/energy-assets/pg_service \
    --property=Environment=PGSERVICEFILE=%d/pg_service \
    --property=StateDirectory=energy-assets \
    --property=CacheDirectory=energy-assets \
    --setenv=DAGSTER_HOME=/var/lib/energy-assets/dagster_home \
    --setenv=STORAGE_ROOT=/var/lib/energy-assets/storage \
    --setenv=HOME=/var/cache/energy-assets \
    "$command" "$@"
