package tokens

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// parallel calls f for every number below n, on all cores. The first error ends it and is returned.
func parallel(ctx context.Context, n int, f func(int) error) error {
	return parallelOn(ctx, runtime.GOMAXPROCS(0), n, f)
}

// parallelOn is parallel with a number of cores.
func parallelOn(ctx context.Context, cores, n int, f func(int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(n, cores) {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if err := f(i); err != nil {
					cancel(err)
				}
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}
