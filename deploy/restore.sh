#!/bin/sh
# Restores what deploy/backup.sh has made into a fresh server: deploy/restore.sh FOLDER
#
# With containers: after `docker compose -f deploy/compose.yaml up --wait postgres`. Without: while
# nothing but PostgreSQL runs, with PGSERVICEFILE, STORAGE_ROOT and DAGSTER_HOME set.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "${1:?usage: deploy/restore.sh FOLDER}" && pwd)
if [ -n "${PGSERVICEFILE:-}" ]; then
    database() { "$@" --dbname=service=energy_assets; }
    files() { env "$@"; }
else
    compose() { docker compose -f "$here/compose.yaml" "$@"; }
    database() { compose exec -T postgres "$@" -U energy_assets --dbname=energy_assets; }
    files() { compose run --rm --no-deps -T code env "$@"; }
fi

if [ -n "$(files sh -c 'ls "$STORAGE_ROOT" | head -n 1')" ]; then
    echo "restore.sh: the storage is not empty. Restore into a fresh server." >&2
    exit 1
fi
database pg_restore --exit-on-error --no-owner < "$source/dagster.dump"
files sh -c 'tar --extract --directory="$STORAGE_ROOT"' < "$source/storage.tar"
files sh -c 'tar --extract --directory="$DAGSTER_HOME"' < "$source/logs.tar"
# Runs that were going on have died: nobody holds their locks here. Dagster then starts them again.
database psql --no-psqlrc -At \
    -c "SELECT run_id FROM runs WHERE status IN ('STARTING', 'STARTED', 'CANCELING')" |
    files sh -c 'mkdir -p "$DAGSTER_HOME/running" && cd "$DAGSTER_HOME/running" && xargs -r touch'
echo "restored from $source"
