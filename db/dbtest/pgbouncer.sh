# pgbouncer.sh: run PgBouncer in front of one database for as long as standard
# input stays open. Arguments: host, port, database, role, port to listen on. One server
# connection in transaction mode, everything else as PgBouncer has it by default:
# whatever one client leaves in the connection, the next one finds.
set -eu
cd /
dir=$(mktemp -d "${TMPDIR:-/tmp}/tokenctl-pgbouncer.XXXXXX")
pid=
stop() {
	[ -z "$pid" ] || kill "$pid" 2>/dev/null || true
	rm -rf "$dir"
}
trap stop EXIT
trap 'exit 1' INT TERM HUP

cat >"$dir/pgbouncer.ini" <<CONF
[databases]
$3 = host=$1 port=$2 dbname=$3 user=$4
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $5
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 1
logfile = $dir/log
pidfile = $dir/pid
CONF
PATH=$PATH:/usr/sbin
pgbouncer -q "$dir/pgbouncer.ini" </dev/null >/dev/null 2>"$dir/err" &
pid=$!
for _ in $(seq 50); do
	if [ -s "$dir/pid" ]; then
		echo ready
		while read -r _; do :; done
		exit 0
	fi
	kill -0 $pid 2>/dev/null || break
	sleep 0.1
done
cat "$dir/err" >&2
[ ! -f "$dir/log" ] || cat "$dir/log" >&2
exit 1
