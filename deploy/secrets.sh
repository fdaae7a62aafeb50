#!/bin/sh
# Makes the secrets of compose.yaml in deploy/secrets, where they are missing; those that are there stay.
# Only the owner may enter the folder. The files themselves can be read, because the users that read
# them in the containers are others.
set -eu
cd "$(dirname "$0")"
mkdir -p secrets
chmod 700 secrets
cd secrets

make() {  # make NAME TEXT: a file that is complete or not there
    printf '%s\n' "$2" > ".$1"
    chmod 644 ".$1"
    mv ".$1" "$1"
    echo "made deploy/secrets/$1"
}
random() {
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n'
}

[ -e postgres_password ] || make postgres_password "$(random)"
[ -e pg_service ] || make pg_service "[energy_assets]
host=postgres
port=5432
dbname=energy_assets
user=energy_assets
password=$(cat postgres_password)"
[ -e index_password ] || make index_password "$(random)"
# openssl reads the password from a pipe: an argument could be seen in the list of processes.
[ -e index_htpasswd ] ||
    make index_htpasswd "energy-assets:$(openssl passwd -apr1 -stdin < index_password)"
[ -e index_netrc ] || make index_netrc "machine ${INDEX_HOST:-127.0.0.1}
login energy-assets
password $(cat index_password)"
