package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tokenctl/db"
	"tokenctl/django"
	"tokenctl/output"
	"tokenctl/tokens"
)

type showOptions struct {
	app       *App
	tokenFile string
	reveal    bool
}

func newShow(a *App) *cobra.Command {
	o := &showOptions{app: a}
	c := &cobra.Command{
		Use:   "show {<id>... | -}",
		Short: "Show one credential: owner, rights, dates, status",
		Long: `Show credentials by id, or by the secret itself: - reads ids and secrets from
standard input, one a line, and in a terminal asks for one without echo.`,
		Example: `  tokenctl show drf:7
  tokenctl show drf:7@1f0c3a55 -o json
  tokenctl show - <leaked.txt`,
		Args:              needsReference(&o.tokenFile),
		ValidArgsFunction: a.completeIDs,
		RunE:              func(c *cobra.Command, args []string) error { return o.run(c.Context(), args) },
	}
	tokenFileFlag(c, &o.tokenFile)
	c.Flags().BoolVar(&o.reveal, "reveal", false, "show the secret where the database holds it in clear")
	return c
}

func (o *showOptions) run(ctx context.Context, args []string) error {
	a := o.app
	found, err := a.find(ctx, args, o.tokenFile)
	if err != nil {
		return err
	}
	columns := showColumns
	if o.reveal {
		columns = append(slices.Clone(columns), tokenColumn)
	}
	var rows [][]output.Value
	for i := range found {
		row := showRow(&found[i])
		if o.reveal {
			row = append(row, tokenValue(&found[i]))
		}
		rows = append(rows, row)
	}
	return a.write(columns, rows, len(rows) == 1)
}

// find resolves the arguments of a command that only looks.
func (a *App) find(ctx context.Context, args []string, tokenFile string) ([]tokens.Credential, error) {
	refs, err := a.references(ctx, args, tokenFile)
	if err != nil {
		return nil, err
	}
	store, err := a.open()
	if err != nil {
		return nil, err
	}
	var found []tokens.Credential
	return found, store.Read(ctx, func(tx *db.Tx) error {
		var missing []offence
		if found, missing, err = resolve(ctx, a.env(), tx, refs); err != nil {
			return err
		}
		return offences(missing)
	})
}

// offence is why one of several credentials, or of several kinds, cannot be acted on.
type offence struct {
	where string
	err   *django.Error
	n     int // how many credentials it is about
}

// lookUp finds what the references name, in their order. Of one that names nothing the
// error says so.
func lookUp(ctx context.Context, env tokens.Env, tx *db.Tx, refs []reference) ([]tokens.Found, error) {
	names := make([]tokens.Name, len(refs))
	for i, ref := range refs {
		names[i] = ref.Name
	}
	found, err := tokens.Find(ctx, env, tx, names)
	for i, f := range found {
		if f.Err == nil && len(f.Credentials) == 0 {
			found[i].Err = &django.Error{Code: django.CodeNotFound, Message: refs[i].where + " is no credential of this database",
				Hint: "check that this is the application's database: tokenctl doctor"}
		}
	}
	return found, err
}

// resolve finds what the references name. What is not there, or was replaced,
// is returned as an offence; a credential that is named twice is found once.
func resolve(ctx context.Context, env tokens.Env, tx *db.Tx, refs []reference) (list []tokens.Credential, missing []offence, err error) {
	found, err := lookUp(ctx, env, tx, refs)
	if err != nil {
		return nil, nil, err
	}
	seen := make(map[string]bool, len(refs))
	for i, f := range found {
		err := f.Err
		if err == nil && f.Credentials[0].ID == "" {
			err = &django.Error{Code: django.CodeNotFound, Message: refs[i].where + " is no credential of this database: its signature is not the configured key's",
				Hint: "check the key and the database: tokenctl doctor"}
		}
		var absent bool
		if missing, absent = offended(missing, refs[i], err); absent {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		for _, c := range f.Credentials {
			if !seen[c.ID] {
				seen[c.ID] = true
				list = append(list, c)
			}
		}
	}
	return list, missing, nil
}

// offended adds err to the list when it says that what was named is not there,
// or no longer what it was.
func offended(list []offence, ref reference, err error) ([]offence, bool) {
	var e *django.Error
	if !errors.As(err, &e) || e.Code != django.CodeNotFound && e.Code != django.CodeChanged {
		return list, false
	}
	return append(list, offence{ref.where, e, 1}), true
}

// offences is the error that names the offenders with what is true of each; nil when there
// is none. Its code is the one that all have, else that of an absent one, else that of a
// changed one.
func offences(list []offence) error {
	if len(list) == 0 {
		return nil
	}
	e := *list[0].err
	var reasons []string
	codes := map[django.Code]bool{}
	for _, o := range list {
		codes[o.err.Code] = true
		if o.err.Hint != e.Hint {
			e.Hint = ""
		}
		if len(reasons) < mostTold {
			reasons = append(reasons, o.err.Message)
		}
	}
	if more := len(list) - mostTold; more > 0 {
		reasons = append(reasons, fmt.Sprintf("and %d more", more))
	}
	e.Message = strings.Join(reasons, "; ")
	for _, code := range []django.Code{django.CodeNotFound, django.CodeChanged} {
		if len(codes) > 1 && codes[code] {
			e.Code = code
			break
		}
	}
	return &e
}

// needsReference asks for an argument, unless --token-file stands in for it.
func needsReference(tokenFile *string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == 0 && *tokenFile == "" {
			return usage("nothing to "+c.Name(), "write an id, or - to read ids and secrets from standard input")
		}
		return nil
	}
}

func tokenFileFlag(c *cobra.Command, into *string) {
	c.Flags().StringVar(into, "token-file", "", "read a secret from `FILE`")
}
