# cluster.sh: run a temporary PostgreSQL for as long as standard input stays open.
#
# It prints the superuser's URL when the server answers, then waits for the end of
# its standard input, which comes with the death of whoever holds the other end,
# however that dies; then it stops the server and removes every trace. PostgreSQL
# refuses to run as root: see asServer in held.go for who runs this.
#
# A role in the group needs_password must give its password on TCP; nobody else
# is asked for one, so that URLs can go on a command line.
#
# Its arguments are further lines of postgresql.conf.
set -eu
cd /

# A test may have set one of libpq's variables, even to nothing: PostgreSQL's own
# programs must not read it.
for name in $(env | sed -n 's/^\(PG[A-Z]*\)=.*/\1/p'); do
	unset "$name"
done

# Debian's own binaries first, the newest of them: what is in PATH may be of
# another make.
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -t / -k 5 -rn | head -n 1)
if [ ! -x "$bin/postgres" ]; then
	bin=$(dirname "$(command -v postgres)")
fi

# Databases are made by the hundred, each of 300 files: memory makes them ten times
# faster than a disk. What the tests need at a time is a fifth of this.
tmp=${TMPDIR:-/tmp}
if [ -w /dev/shm ] && [ "$(df -Pk /dev/shm | awk 'NR == 2 { print $4 }')" -gt 4000000 ]; then
	tmp=/dev/shm
fi
dir=$(mktemp -d "$tmp/tokenctl-postgres.XXXXXX")
stop() {
	"$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1 || true
	rm -rf "$dir"
}
trap stop EXIT
trap 'exit 1' INT TERM HUP

"$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$dir/log" 2>&1 || {
	cat "$dir/log" >&2
	exit 1
}
cat >"$dir/data/pg_hba.conf" <<'HBA'
local all all                            trust
host  all +needs_password 127.0.0.1/32   scram-sha-256
host  all all             127.0.0.1/32   trust
HBA

# A port below those that the kernel hands out; another one when it is taken.
for port in $(shuf -i 15000-32000 -n 20); do
	cat >>"$dir/data/postgresql.conf" <<-CONF
		listen_addresses = '127.0.0.1'
		port = $port
		unix_socket_directories = '$dir'
		max_connections = 200
		fsync = off
		synchronous_commit = off
		full_page_writes = off
		autovacuum = off
		max_wal_size = 256MB
		timezone = 'UTC'
	CONF
	for line; do
		echo "$line" >>"$dir/data/postgresql.conf"
	done
	if "$bin/pg_ctl" -D "$dir/data" -l "$dir/log" -w -s start >/dev/null 2>&1; then
		"$bin/psql" -X -q -h "$dir" -p "$port" -U postgres -d postgres -c 'create role needs_password' >&2
		echo "postgres://postgres@127.0.0.1:$port/postgres"
		# read, not cat: the shell must be the one that holds the descriptor.
		while read -r _; do :; done
		exit 0
	fi
done
cat "$dir/log" >&2
exit 1
