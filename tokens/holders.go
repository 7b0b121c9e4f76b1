package tokens

import (
	"context"
	"hash/maphash"
	"slices"
	"strings"

	"tokenctl/db"
)

// Holder is a user with their live credentials.
type Holder struct {
	UserID, User string
	Rights       string // one of db.OwnerGroups
	Held         map[*Kind]int
	Total        int
	owner        uint64
}

// Holders returns the n users who have the most live credentials of the kinds, in descending order; nil means all
// kinds that the database has. It needs a few words of memory for each user with credentials, and none for each
// credential.
func Holders(ctx context.Context, env Env, store *db.Store, kinds []*Kind, n int) ([]Holder, error) {
	layout, err := store.Layout(ctx)
	if err != nil {
		return nil, err
	}
	seed, held := maphash.MakeSeed(), map[*Kind]map[uint64]uint32{}
	var most []Holder
	for c, err := range List(ctx, env, store, Selector{Kinds: kinds, Statuses: []Status{Active}, Detailed: true, AnyOrder: true}) {
		switch {
		case err != nil:
			return nil, err
		case c.Owner.ID == "":
			continue
		}
		k := c.Of()
		// Users of two models may have the same primary key.
		owner := layout.Credentials(k.Name).Owner
		if owner == nil {
			owner = layout.User
		}
		who := maphash.String(seed, owner.String()+"\x00"+c.Owner.ID)
		if held[k] == nil {
			held[k] = map[uint64]uint32{}
		}
		held[k][who]++
		total := 0
		for _, counts := range held {
			total += int(counts[who])
		}
		// Only this user's number has changed, so most stays what it says.
		if i := slices.IndexFunc(most, func(h Holder) bool { return h.owner == who }); i >= 0 {
			most[i].Total = total
		} else if len(most) < n || total > most[n-1].Total {
			if len(most) == n {
				most = most[:n-1]
			}
			most = append(most, Holder{UserID: strings.Clone(c.Owner.ID), User: strings.Clone(c.Owner.Username), Rights: c.Owner.OwnerGroup(), Total: total, owner: who})
		} else {
			continue
		}
		slices.SortStableFunc(most, func(a, b Holder) int { return b.Total - a.Total })
	}
	for i := range most {
		most[i].Held = map[*Kind]int{}
		for k, counts := range held {
			if counts[most[i].owner] > 0 {
				most[i].Held[k] = int(counts[most[i].owner])
			}
		}
	}
	return most, nil
}
