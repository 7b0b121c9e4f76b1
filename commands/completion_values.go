package commands

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/output"
	"tokenctl/tokens"
)

// completionTime bounds the time of a completion, unless the App has another limit.
const completionTime = 250 * time.Millisecond

// completing reports whether a shell calls the program for completions. It must then print no errors.
func completing(args []string) bool {
	return len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd)
}

// silently runs f with the database for a completion: within CompletionTime, and without any message.
func (a *App) silently(c *cobra.Command, f func(context.Context, *db.Store) error) {
	limit := cmp.Or(a.CompletionTime, completionTime)
	ctx, cancel := context.WithTimeout(c.Context(), limit)
	defer cancel()
	a.global.verbose, a.global.quiet = false, true
	a.global.timeout = limit
	store, err := a.open()
	if err != nil {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(ctx, store) //nolint:errcheck // a completion reports no errors
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

const maxCompletions = 200

// offers collects completions until the time is over.
type offers chan string

// add adds one completion and reports whether there is room for more. It leaves out texts with control
// characters, and texts that look like a secret.
func (o offers) add(text, description string) bool {
	if text != output.Visible(text) || tokens.Recognized(text) {
		return true
	}
	if description != "" {
		text += "\t" + output.Visible(description)
	}
	select {
	case o <- text:
		return true
	default:
		return false
	}
}

func (o offers) list() []string {
	var list []string
	for {
		select {
		case text := <-o:
			list = append(list, text)
		default:
			return list
		}
	}
}

// offered returns the completions that find adds. It returns none for a prefix that looks like a secret.
func (a *App) offered(c *cobra.Command, prefix string, find func(context.Context, *db.Store, offers) error) ([]string, cobra.ShellCompDirective) {
	found := make(offers, maxCompletions)
	if !tokens.Recognized(prefix) {
		a.silently(c, func(ctx context.Context, store *db.Store) error { return find(ctx, store, found) })
	}
	return found.list(), cobra.ShellCompDirectiveNoFileComp
}

// completeUsers completes a user's name.
func (a *App) completeUsers(c *cobra.Command, given []string, prefix string) ([]string, cobra.ShellCompDirective) {
	return a.offered(c, prefix, func(ctx context.Context, store *db.Store, found offers) error {
		for u, err := range store.ListUsers(ctx, db.Filter{Prefix: prefix, Limit: maxCompletions}) {
			if err != nil {
				return err
			}
			if slices.Contains(given, u.Username) {
				continue
			}
			given = append(given, u.Username) // several users may have the name
			if !found.add(u.Username, "") {
				return nil
			}
		}
		return nil
	})
}

// completeSchemas completes the schemas that have Django's tables.
func (a *App) completeSchemas(c *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
	a.global.schema = ""
	return a.offered(c, prefix, func(ctx context.Context, store *db.Store, found offers) error {
		return store.Inspect(ctx, func(tx *db.Tx, _ error) error {
			schemas, err := tx.SchemasWith(ctx, db.MainTables(), false)
			for _, name := range schemas {
				if strings.HasPrefix(name, prefix) {
					found.add(name, "")
				}
			}
			return err
		})
	})
}

// completeIDs completes a credential's id: first the kinds that the database has and the command supports, then
// the ids of one kind.
func (a *App) completeIDs(c *cobra.Command, given []string, prefix string) ([]string, cobra.ShellCompDirective) {
	name, rest, one := strings.Cut(prefix, ":")
	list, directive := a.offered(c, prefix, func(ctx context.Context, store *db.Store, found offers) error {
		layout, err := store.Layout(ctx)
		if err != nil {
			return err
		}
		kinds := slices.DeleteFunc(tokens.Kinds(), func(k *tokens.Kind) bool {
			fits := strings.HasPrefix(k.Name, name) && (!one || k.Name == name)
			return !fits || !k.Present(layout) || !k.Can(c.Name()) || !k.Can("list")
		})
		if len(kinds) != 1 {
			for _, k := range kinds {
				found.add(k.Name+":", k.Title)
			}
			return nil
		}
		return offerIDs(ctx, a.env(), store, kinds[0], rest, func(credential tokens.Credential) bool {
			fits := strings.HasPrefix(credential.ID, prefix) && !slices.Contains(given, credential.ID)
			return !fits || found.add(credential.ID, credential.Owner.Username)
		})
	})
	if len(list) > 0 && strings.Contains(list[0], ":\t") {
		directive |= cobra.ShellCompDirectiveNoSpace
	}
	return list, directive
}

// offerIDs calls offer with credentials of a kind until it returns false. If ids begin with the owner's primary
// key, the database selects the owners. Otherwise the whole list is read, until the time is over.
func offerIDs(ctx context.Context, env tokens.Env, store *db.Store, k *tokens.Kind, rest string, offer func(tokens.Credential) bool) error {
	s := tokens.Selector{Kinds: []*tokens.Kind{k}}
	if k.OwnersWithPrefix != nil {
		var err error
		if s.UserIDs, err = k.OwnersWithPrefix(ctx, store, rest, maxCompletions); err != nil || s.UserIDs == nil {
			return err
		}
	}
	for credential, err := range tokens.List(ctx, env, store, s) {
		if err != nil {
			return err
		}
		if !offer(credential) {
			return nil
		}
	}
	return nil
}

// completeKinds completes the kinds that support a verb.
func (a *App) completeKinds(verb string) cobra.CompletionFunc {
	return fixedList(tokenctl.Mapped(tokens.KindsThatCan(verb), func(k *tokens.Kind) string { return k.Name }))
}
