package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/output"
	"tokenctl/tokens"
)

// --secret-stdin and --secrets-from store secrets that clients have already. The secrets are
// read and checked, then one transaction finds or creates the users and writes all rows, or
// none. The operator knows the secrets, so none is printed: stdout has the ids.

// where names the secret for errors.
func (r *mintRun) where(p *provided) string {
	if p.line == 0 {
		return ""
	}
	return fmt.Sprintf("%s line %d: ", r.o.secretsFrom, p.line)
}

func (o *mintOptions) provides() bool { return o.secretStdin || o.secretsFrom != "" }

// checkProvided checks what the command line alone tells.
func (o *mintOptions) checkProvided() error {
	const flags = "--secret-stdin and --secrets-from"
	switch named := len(o.users.names) + len(o.users.userIDs); {
	case o.secretStdin && o.secretsFrom != "":
		return usage(flags+" do not go together", "give one of them")
	case o.secretsFrom != "" && (named > 0 || o.users.usersFrom != ""):
		return usage("--secrets-from names the users itself", "leave out the other names")
	case o.secretStdin && (named != 1 || o.users.usersFrom != ""):
		return usage("--secret-stdin is for one user", "name one; --secrets-from FILE is for several")
	case o.filter.given || o.keepGoing:
		return usage(flags+" take named users, all or none of them", "leave out --all-users, --staff, --superuser, --without and --keep-going")
	case o.importDRF:
		return usage(flags+" and --import-drf do not go together", "give one of them")
	case o.deliver.out != "" || o.deliver.format != "":
		return usage(flags+" print no secret", "leave out --out and --format")
	}
	return nil
}

// provide writes rows for secrets that clients have already.
func (r *mintRun) provide(ctx context.Context) error {
	a, o := r.o.app, r.o
	list, err := o.readProvided(ctx)
	if err != nil {
		return err
	}
	if goOn, err := r.prepare(ctx); !goOn {
		return err
	}
	if r.kind.Provide == nil {
		return &tokenctl.Error{Code: tokenctl.CodeKindUnsupported, Message: r.kind.Title + " are signed, so nobody can bring a secret of theirs along",
			Hint: "leave out --secret-stdin and --secrets-from, or give --kind drf or --kind knox"}
	}
	var weak []string
	work := func(tx *db.Tx) error {
		if weak, err = r.checkSecrets(tx.Layout, list); err != nil {
			return err
		}
		for start := 0; start < len(list); start += tokens.MintBatch {
			if err := r.provideBatch(ctx, tx, list, list[start:min(len(list), start+tokens.MintBatch)]); err != nil {
				return err
			}
		}
		if err := r.failure(); err != nil {
			return err
		}
		if o.dryRun {
			return nil
		}
		if err := tx.CheckConstraints(ctx); err != nil {
			return err
		}
		return r.writeProvided(ctx)
	}
	if o.dryRun {
		if err := r.store.Read(ctx, work); err != nil {
			return err
		}
		err = r.writeDryRun(ctx, r.ids)
	} else if err = o.consent.obtainNamed(ctx, a, "mint", count(len(list), r.kind.Noun()), len(list)); err == nil {
		r.record()
		if err = r.store.Write(ctx, work); err == nil {
			err = r.tell()
		}
	}
	if err != nil {
		return err
	}
	for _, note := range weak[:min(mostTold, len(weak))] {
		a.say("note: %s", note)
	}
	if more := len(weak) - mostTold; more > 0 {
		a.say("note: %s weak too", plural(more, "further secret is", "further secrets are"))
	}
	return nil
}

// checkSecrets returns an error for what could never work and secrets that are there twice, all of them by
// line. It returns what is weak about the others.
func (r *mintRun) checkSecrets(l *db.Layout, list []provided) (weak []string, err error) {
	env := r.o.app.env()
	lines := make(map[string]int, len(list))
	var faults []offence
	for i := range list {
		p := &list[i]
		reasons, err := r.kind.Provide(env, l, p.name, p.secret)
		var e *tokenctl.Error
		if first, twice := lines[p.secret.Reveal()]; errors.As(err, &e) {
			e.Message = r.where(p) + e.Message
			faults = append(faults, offence{err: e})
		} else if err != nil {
			return nil, err
		} else if twice {
			faults = append(faults, offence{err: &tokenctl.Error{Code: tokenctl.CodeInvalidValue, Message: fmt.Sprintf("%sthe secret is that of line %d", r.where(p), first), Hint: "nothing was changed; every user needs an own secret"}})
		}
		lines[p.secret.Reveal()] = p.line
		if reasons != nil {
			who := "the secret"
			if p.line > 0 {
				who = fmt.Sprintf("the secret in line %d", p.line)
			}
			weak = append(weak, who+" is weak: "+strings.Join(reasons, "; "))
		}
	}
	return weak, offences(faults)
}

// provideBatch writes the rows of some of the secrets.
func (r *mintRun) provideBatch(ctx context.Context, tx *db.Tx, all, batch []provided) error {
	users, secrets, err := r.usersOf(ctx, tx, all, batch)
	if err != nil || len(users) == 0 {
		return err
	}
	if err := r.checkUnused(ctx, tx, batch); err != nil {
		return err
	}
	if r.absent() > 0 {
		return nil // who else is missing is told too
	}
	env := r.o.app.env()
	if r.o.dryRun {
		able, atLimit, err := r.kind.BelowLimit(ctx, env, tx, users)
		r.addAtLimit(atLimit)
		r.ids = append(r.ids, db.IDsOf(able)...)
		return err
	}
	request := r.request
	request.Secrets = secrets
	minted, atLimit, err := r.kind.MintBelowLimit(ctx, env, tx, users, request)
	if err != nil {
		return err
	}
	r.addAtLimit(atLimit)
	for i := range minted {
		minted[i].Secrets = nil // the operator has it
		r.announced.add(&minted[i])
		r.provided = append(r.provided, minted[i])
		r.made++
	}
	return nil
}

// usersOf finds the users of some of the secrets, each of whom may be named once, and creates
// those who are missing if --create was given.
func (r *mintRun) usersOf(ctx context.Context, tx *db.Tx, all, batch []provided) (users []db.User, secrets []tokenctl.Secret, err error) {
	if batch[0].line == 0 { // the user is named on the command line
		users, err := r.users(ctx, tx, r.names, r.ids)
		r.ids = nil
		return users, []tokenctl.Secret{batch[0].secret}, err
	}
	names := tokenctl.Mapped(batch, func(p provided) string { return p.name })
	found, err := tx.FindUsers(ctx, names, nil)
	if err != nil {
		return nil, nil, err
	}
	r.ambiguous = append(r.ambiguous, found.Ambiguous...)
	if r.create && len(found.MissingNames) > 0 {
		if names, err = r.createNamed(ctx, tx, names, found.MissingNames); err != nil {
			return nil, nil, err
		}
	} else {
		r.lack(found.MissingNames)
	}
	matches, repeated, err := tx.UsersNamed(ctx, names)
	if err != nil {
		return nil, nil, err
	}
	var faults []offence
	again := func(p *provided, first int) {
		faults = append(faults, offence{err: usage(fmt.Sprintf("%sthe user is that of line %d", r.where(p), first), "nothing was changed; a user gets one token at a time")})
	}
	for i := range batch {
		if first, twice := repeated[i]; twice {
			again(&batch[i], batch[first].line)
		}
	}
	for _, m := range matches {
		p := &batch[m.At]
		if first, seen := r.lineOf[m.User.ID]; seen && first != p.line {
			if _, told := repeated[m.At]; !told {
				again(p, first)
			}
			continue
		}
		r.lineOf[m.User.ID] = p.line
		users, secrets = append(users, m.User), append(secrets, p.secret)
	}
	return users, secrets, offences(faults)
}

// checkUnused returns an error for secrets that somebody has already.
func (r *mintRun) checkUnused(ctx context.Context, tx *db.Tx, batch []provided) error {
	secrets := tokenctl.Mapped(batch, func(p provided) tokenctl.Secret { return p.secret })
	found, err := r.kind.BySecrets(ctx, r.o.app.env(), tx, secrets)
	if err != nil {
		return err
	}
	var faults []offence
	for i, c := range found {
		if c != nil {
			faults = append(faults, offence{err: &tokenctl.Error{Code: tokenctl.CodeAlreadyExists, Message: r.where(&batch[i]) + "the secret is that of " + c.ID + " of " + whose(&c.Owner) + " already", Hint: "nothing was changed; leave it out, or blacklist that one first"}})
		}
	}
	return offences(faults)
}

// writeProvided writes the ids of the new credentials, or the rows that were asked for.
func (r *mintRun) writeProvided(ctx context.Context) error {
	a := r.o.app
	if r.provided == nil {
		return nil // tell says why
	}
	single := len(r.provided) == 1 && r.o.secretStdin
	if a.asked() {
		names := []string{"token"}
		rows := rowsOf(r.provided, func(m *tokens.Minted) []output.Value { return mintedRow(m, names, false) })
		return a.writeNow(ctx, mintedColumns(names, false), rows, single)
	}
	var ids bytes.Buffer
	for i := range r.provided {
		ids.WriteString(r.provided[i].ID + "\n")
	}
	d := delivery{app: a}
	return d.write(ctx, ids.Bytes())
}
