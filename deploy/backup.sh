#!/bin/sh
# Backs up a server that runs: deploy/backup.sh FOLDER makes FOLDER, with dagster.dump, storage.tar and
# logs.tar in it.
#
# With the containers of compose.yaml, as it is. Without containers, set PGSERVICEFILE, STORAGE_ROOT and
# DAGSTER_HOME.
#
# The order matters. Dagster's tables come first: what they call stored is then in storage.tar, and what
# was stored after them is found by the sensors. In the storage, what names other files comes before
# these; files that are named are never changed. So do not run it beside maintenance_job (02:15 UTC),
# which removes files.
set -eu
umask 077
here=$(cd "$(dirname "$0")" && pwd)
target=${1:?usage: deploy/backup.sh FOLDER}
if [ -n "${PGSERVICEFILE:-}" ]; then
    dump() { pg_dump --format=custom service=energy_assets; }
    files() { env "$@"; }
else
    compose() { docker compose -f "$here/compose.yaml" "$@"; }
    dump() { compose exec -T postgres pg_dump --format=custom -U energy_assets energy_assets; }
    files() { compose exec -T code env "$@"; }
fi

mkdir "$target.unfinished"
cd "$target.unfinished"
dump > dagster.dump
# tar ends with 1 if a file has changed or gone while it was read.
files sh -c 'cd "$STORAGE_ROOT" && {
    find . -type f \( -path "*/_delta_log/*" -o -path "*/best_config/*" -o -regex ".*/objects/[^/]*" \)
    find . -type f ! -path "*/_delta_log/*" ! -path "*/best_config/*" ! -regex ".*/objects/[^/]*"
} | tar --create --files-from=- || [ $? = 1 ]' > storage.tar
files sh -c 'cd "$DAGSTER_HOME" && mkdir -p storage && tar --create storage || [ $? = 1 ]' > logs.tar
cd "$OLDPWD"
mv "$target.unfinished" "$target"
echo "backed up to $target"
