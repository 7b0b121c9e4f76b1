package tokens

import (
	"bufio"
	"context"
	"io"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"tokenctl"
	"tokenctl/db"
)

// Refusal is why a user gets no credential.
type Refusal struct {
	User db.User
	Err  *tokenctl.Error // CodeTokenExists
}

// Mint makes a credential for one user; a refusal is the error.
func (k *Kind) Mint(ctx context.Context, env Env, tx *db.Tx, req MintRequest) (Minted, error) {
	minted, err := k.MintEach(ctx, env, tx, []db.User{req.User}, req)
	if err != nil {
		return Minted{}, err
	}
	return minted[0], nil
}

// MintBatch is how many users MintAll is best given at once.
const MintBatch = 5000

// MintEach makes a credential for every user, or for none; the first refusal is the error.
func (k *Kind) MintEach(ctx context.Context, env Env, tx *db.Tx, users []db.User, req MintRequest) ([]Minted, error) {
	minted := make([]Minted, 0, len(users))
	for batch := range slices.Chunk(users, MintBatch) {
		made, refused, err := k.MintAll(ctx, env, tx, batch, req)
		if err == nil && refused != nil {
			err = refused[0].Err
		}
		if err != nil {
			return nil, err
		}
		minted = append(minted, made...)
	}
	return minted, nil
}

// Able returns those of the users who can get a further credential, and why others cannot.
func (k *Kind) Able(ctx context.Context, env Env, tx *db.Tx, users []db.User) ([]db.User, []Refusal, error) {
	if k.AtLimit == nil {
		return users, nil, nil
	}
	refused, err := k.AtLimit(ctx, env, tx, users)
	return without(users, refused), refused, err
}

// without returns the users who were not refused.
func without(users []db.User, refused []Refusal) []db.User {
	if len(refused) == 0 {
		return users
	}
	out := map[string]bool{}
	for i := range refused {
		out[refused[i].User.ID] = true
	}
	return slices.DeleteFunc(slices.Clone(users), func(u db.User) bool { return out[u.ID] })
}

// several makes n secrets, asking the operating system for few and large pieces
// of randomness.
func several(n int, random io.Reader, secret func(io.Reader) (tokenctl.Secret, error)) (list []tokenctl.Secret, err error) {
	if n > 1 {
		random = bufio.NewReader(random)
	}
	list = make([]tokenctl.Secret, n)
	for i := range list {
		if list[i], err = secret(random); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// parallel calls f for every number below n, on all cores; the first error ends
// it.
func parallel(ctx context.Context, n int, f func(int) error) error {
	return parallelOn(ctx, runtime.GOMAXPROCS(0), n, f)
}

// parallelOn is parallel on some cores.
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
