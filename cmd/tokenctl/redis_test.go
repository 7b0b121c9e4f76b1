package main

import (
	"fmt"

	"github.com/rogpeppe/go-internal/testscript"

	"tokenctl/cache/redistest"
)

// scriptRedis is the Redis of a script, which the script starts.
type scriptRedis struct{ server *redistest.Server }

// redisCommand is the command redis of scripts: `redis start [ARGS…]` starts a server and sets
// REDIS_ADDR and REDIS_SOCKET, `redis stop` and `redis restart` do what they say, and `redis do
// COMMAND…` prints the answer of the server.
func redisCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: redis {start | stop | restart | do COMMAND...}")
	}
	r := ts.Value("redis").(*scriptRedis)
	switch args[0] {
	case "start":
		r.server = redistest.Start(testOf(ts), args[1:]...)
		ts.Setenv("REDIS_ADDR", r.server.Addr)
		ts.Setenv("REDIS_SOCKET", r.server.Socket)
	case "stop":
		r.server.Stop()
	case "restart":
		r.server.Restart()
	case "do":
		words := make([]any, len(args)-1)
		for i, arg := range args[1:] {
			words[i] = arg
		}
		fmt.Fprintln(ts.Stdout(), r.server.Do(words...))
	default:
		ts.Fatalf("there is no redis %s", args[0])
	}
}
