package commands

import (
	"context"
	"errors"
	"slices"
	"strings"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/tokens"
)

// located is what a reference turned out to name.
type located struct {
	reference
	secrets [][]*tokens.Credential // of each secret on the line; of an id the one credential
	given   []tokenctl.Secret      // the text of each secret; zero for an id
	wrapped bool                   // something stood around the secret
	damage  string                 // what the text looks like that is no credential, if it is not whole
	err     error                  // CodeNotFound, CodeChanged or CodeAmbiguousID about this reference, or why a kind could not be asked
}

// lookUp finds what the references name, in their order. It looks up each text as it is,
// and then the words of lines that matched nothing. Optional lines without a secret are not
// returned; their number is said.
func (a *App) lookUp(ctx context.Context, tx *db.Tx, refs []reference) (list []located, err error) {
	env, skipped := a.env(), 0
	names := tokenctl.Mapped(refs, func(r reference) tokens.Name { return r.Name })
	exact, err := tokens.Find(ctx, env, tx, names)
	if err != nil {
		return nil, err
	}
	wrapping := tokens.NewWrapping(env.Settings)
	candidates := make([][]int, len(refs)) // their places among the words
	var words []tokens.Name
	places := map[string]int{}
	for i, ref := range refs {
		if ref.ID != "" || ours(exact[i].Credentials) {
			continue
		}
		line := ref.Secret.Reveal()
		for _, text := range wrapping.Candidates(line) {
			if text == line {
				continue
			}
			at, known := places[text]
			if !known {
				at = len(words)
				places[text] = at
				words = append(words, tokens.Name{Secret: tokenctl.NewSecret(text)})
			}
			candidates[i] = append(candidates[i], at)
		}
	}
	found, err := tokens.Find(ctx, env, tx, words)
	if err != nil {
		return nil, err
	}
	list = make([]located, 0, len(refs))
	for i, ref := range refs {
		l := located{reference: ref, err: exact[i].Err}
		if exact[i].Credentials != nil {
			l.secrets, l.given = [][]*tokens.Credential{exact[i].Credentials}, []tokenctl.Secret{ref.Secret}
		}
		l.damage = l.read(candidates[i], words, found)
		switch {
		case l.secrets != nil:
			l.err = nil
		case l.err != nil: // it is said what an id or a kind suffers from
		case ref.optional && l.damage == "" && !slices.ContainsFunc(candidates[i], func(at int) bool { return tokens.Holds(words[at].Secret.Reveal(), tokens.Anywhere) }):
			skipped++
			continue
		default:
			l.err = l.absent("")
		}
		list = append(list, l)
	}
	if len(list) == 0 && skipped > 0 {
		return nil, &tokenctl.Error{Code: tokenctl.CodeNotFound, Message: "no line of standard input has a secret", Hint: "write one id or secret a line"}
	}
	if skipped > 0 {
		a.say("skipped %s without a secret", count(skipped, "line"))
	}
	return list, nil
}

// ours reports whether credentials are more than a JWT that anybody can have written.
func ours(list []*tokens.Credential) bool { return len(list) > 0 && list[0].ID != "" }

// read finds the credentials among the words of the line, unless the line itself is one,
// and says what looks like a secret that is not whole where there is none.
func (l *located) read(candidates []int, words []tokens.Name, found []tokens.Found) (damage string) {
	if l.ID != "" || l.secrets != nil && ours(l.secrets[0]) {
		return ""
	}
	seen := map[string]bool{}
	var foreign []*tokens.Credential
	var held [][]*tokens.Credential
	var given []tokenctl.Secret
	for _, at := range candidates {
		f := &found[at]
		switch {
		case ours(f.Credentials):
			if id := f.Credentials[0].ID; !seen[id] {
				seen[id] = true
				held, given = append(held, f.Credentials), append(given, words[at].Secret)
			}
		case f.Credentials != nil && foreign == nil:
			foreign = f.Credentials
		}
	}
	if held != nil {
		l.secrets, l.given, l.wrapped = held, given, true
		return ""
	}
	if l.secrets == nil && foreign != nil {
		l.secrets = [][]*tokens.Credential{foreign}
	}
	damage = tokens.Damage(l.Secret.Reveal())
	for _, at := range candidates {
		if damage == "" {
			damage = tokens.Damage(words[at].Secret.Reveal())
		}
	}
	return damage
}

// absent is the error about a secret that is no credential; why may say more of it.
func (l *located) absent(why string) *tokenctl.Error {
	e := &tokenctl.Error{Code: tokenctl.CodeNotFound, Message: l.where() + " is no credential of this database" + why,
		Hint: "check that this is the application's database: tokenctl doctor"}
	if l.damage != "" {
		e.Message, e.Hint = l.where()+" looks like "+l.damage, "copy it again, whole: a part of a secret is not looked up, and the whole one may be live"
	}
	return e
}

// find resolves the arguments of a command that only looks.
func (a *App) find(ctx context.Context, args []string, tokenFile string) ([]*tokens.Credential, error) {
	refs, err := a.references(ctx, "show", args, tokenFile)
	if err != nil {
		return nil, err
	}
	store, err := a.open()
	if err != nil {
		return nil, err
	}
	return a.findIn(ctx, store, refs)
}

// findIn looks up references in one transaction. The error names all that were not found.
func (a *App) findIn(ctx context.Context, store *db.Store, refs []reference) ([]*tokens.Credential, error) {
	return db.Read(ctx, store, func(tx *db.Tx) ([]*tokens.Credential, error) {
		list, err := a.lookUp(ctx, tx, refs)
		if err != nil {
			return nil, err
		}
		found, missing, err := resolve(list)
		if err != nil {
			return nil, err
		}
		return found, offences(missing)
	})
}

// resolve returns the credentials. What is not there, or was replaced, is returned as an
// offence; a credential that is named twice is found once.
func resolve(refs []located) (list []*tokens.Credential, missing []offence, err error) {
	seen := make(map[string]bool, len(refs))
	list = make([]*tokens.Credential, 0, len(refs))
	for i := range refs {
		l := &refs[i]
		err := l.err
		if err == nil && !ours(l.secrets[0]) {
			err = l.absent(": its signature is not the configured key's")
		}
		var absent bool
		if missing, absent = offended(missing, l, err); absent {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		for _, secret := range l.secrets {
			for _, c := range secret {
				if !seen[c.ID] {
					seen[c.ID] = true
					list = append(list, c)
				}
			}
		}
	}
	return list, missing, nil
}

// offence is why one of several credentials, or of several kinds, cannot be acted on.
type offence struct {
	line string // where it was named, if it was
	id   string // empty for a secret that is no credential
	err  *tokenctl.Error
	refs []*tokens.Ref // all credentials of a kind, if err is about the kind

	reason string // what err says about each of refs, without their number
}

// count is how many credentials it is about.
func (o *offence) count() int { return max(1, len(o.refs)) }

// offended adds err to the list when it says that what was named is not there,
// or no longer what it was.
func offended(list []offence, l *located, err error) ([]offence, bool) {
	var e *tokenctl.Error
	if !errors.As(err, &e) || e.Code != tokenctl.CodeNotFound && e.Code != tokenctl.CodeChanged {
		return list, false
	}
	return append(list, offence{line: l.at.String(), id: l.ID, err: e}), true
}

// offences is the error that names the offenders with what is true of each; nil when there
// is none. Its code is the one that all have, else that of an absent one, else that of a
// changed one.
func offences(list []offence) error {
	switch len(list) {
	case 0:
		return nil
	case 1:
		return list[0].err
	}
	e := *list[0].err
	reasons := make([]string, len(list))
	codes := map[tokenctl.Code]bool{}
	for i, o := range list {
		codes[o.err.Code] = true
		if o.err.Hint != e.Hint {
			e.Hint = ""
		}
		reasons[i] = o.err.Message
		if !strings.Contains(reasons[i], o.line) {
			reasons[i] += " (" + o.line + ")"
		}
	}
	e.Message = firstOf(reasons, "; ")
	for _, code := range []tokenctl.Code{tokenctl.CodeNotFound, tokenctl.CodeChanged} {
		if len(codes) > 1 && codes[code] {
			e.Code = code
			break
		}
	}
	return &e
}

// checkLines is for commands that change rows: of a line with several secrets nobody
// knows which one is meant. It says what was taken from lines with other text.
func (a *App) checkLines(refs []located) error {
	var several, taken []string
	for i := range refs {
		l := &refs[i]
		ids := tokenctl.Mapped(l.secrets, func(secret []*tokens.Credential) string { return secret[0].ID })
		switch {
		case len(ids) > 1:
			several = append(several, l.at.String()+" holds "+strings.Join(ids, " and "))
		case l.wrapped:
			taken = append(taken, l.at.String()+" holds "+ids[0])
		}
	}
	if several != nil {
		return usage("a line holds more than one credential: "+firstOf(several, "; "), "write one secret a line, or the ids")
	}
	for _, text := range taken[:min(len(taken), mostTold)] {
		a.say("%s", text)
	}
	if more := len(taken) - mostTold; more > 0 {
		a.say("and %d more lines hold a credential among other text", more)
	}
	return nil
}
