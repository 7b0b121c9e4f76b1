# templates.sh: drop the databases whose names begin with the second argument from the
# server in the first, once standard input ends. A server that is gone needs no more.
set -eu
cd /
echo ready
while read -r _; do :; done
psql -X -q -d "$1" >/dev/null 2>&1 <<SQL || true
select format('drop database if exists %I with (force)', datname) from pg_database where datname like replace('$2', '_', '\\_') || '%' \gexec
SQL
