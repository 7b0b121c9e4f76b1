package tokens

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/engine"
)

// Needs returns the table and the privilege that a verb needs in addition to reading. The privilege is empty if the
// verb only reads.
func (k *Kind) Needs(l *db.Layout, verb string) (t *db.Table, privilege string) {
	if k.Can("unblacklist") { // blacklisted and successors are rows of their own
		switch verb {
		case "blacklist":
			return l.Blacklisted(), "insert"
		case "unblacklist":
			return l.Blacklisted(), "delete"
		case "rotate":
			verb = "mint"
		}
	}
	return l.Credentials(k.Name), map[string]string{"mint": "insert", "rotate": "update", "expire": "update", "blacklist": "delete", "purge": "delete"}[verb]
}

// describeKnox follows the migrations of django-rest-knox. 4.2.0 removed the salt
// and 5.0.0 widened token_key; each made every older token void.
func describeKnox(l *db.Layout) string {
	t := l.Credentials("knox")
	key := t.Column("token_key")
	switch {
	case key == nil && t.Column("salt") == nil:
		return t.String() + " without token_key and without a salt: so it is not known how the application's knox makes digests, so tokenctl tries those of knox 4.2 and 5, and makes none"
	case key == nil || t.Column("expiry") == nil:
		return t.String() + " as knox 2 or 3 has it"
	case t.Column("salt") != nil:
		return t.String() + " as knox 4.0 and 4.1 have it, with salted digests"
	case key.Length == 8:
		return t.String() + " as knox 4.2 has it, with 8 characters of token_key"
	}
	return fmt.Sprintf("%s as knox 5 has it, with %d characters of token_key", t, key.Length)
}

// describeJWT follows the migrations of token_blacklist: 0008 made the ids bigint.
func describeJWT(l *db.Layout) string {
	t := l.Outstanding()
	ids := t.Column("id").Type
	if l.Engine == engine.SQLite {
		return t.String() + " with jti as text"
	}
	if strings.HasPrefix(ids, "int8") || ids == "bigint" {
		return t.String() + " with jti as text and bigint ids, as simplejwt 4.7 or newer has it"
	}
	return t.String() + " with jti as text and " + ids + " ids, as simplejwt before 4.7 has it"
}

// tableMissing returns the CodeTableMissing error for a kind whose table the database does not have.
func (k *Kind) tableMissing() error {
	return &tokenctl.Error{Code: tokenctl.CodeTableMissing, Message: "the database has no " + k.Title,
		Hint: fmt.Sprintf("add %q to INSTALLED_APPS and run manage.py migrate; for another schema give --schema", k.App)}
}

// CheckTable returns an error if the table cannot take the requested row. For a Tableless kind it returns nil: whether
// a row is needed depends on the type, and MintBelowLimit checks that.
func (k *Kind) CheckTable(l *db.Layout, r MintRequest) error {
	if k.Tableless {
		return nil
	}
	return l.Mintable(k.Name, r.Further)
}

// Check returns a CodeTableMissing error if the database does not have the kind's table, and another error if
// tokenctl cannot use the table.
func (k *Kind) Check(l *db.Layout) error {
	if k.Present(l) {
		return l.Problem(k.Name)
	}
	return k.tableMissing()
}

// Ready returns an error if the settings, the key or the tables prevent verb for every credential of the kind.
// The verbs check the same rules.
func (k *Kind) Ready(env Env, l *db.Layout, verb string) error {
	switch {
	case verb == "mint":
		if err := k.CheckMint(env, MintRequest{}); err != nil {
			return err
		}
		if err := l.Mintable(k.Name, nil); err != nil {
			return err
		}
		if l.Credentials(k.Name).Owner == nil {
			_, err := l.UserTable()
			return err
		}
	case verb == "list":
		return l.Listable(k.Name)
	case verb == "rotate" && k.CheckRotatable != nil:
		if err := k.CheckRotatable(l); err != nil {
			return err
		}
	}
	return k.keyFor(env, verb)
}

// keyFor returns an error if verb needs a key (SECRET_KEY or SIGNING_KEY) that is not configured.
func (k *Kind) keyFor(env Env, verb string) error {
	switch {
	case k == JWT && (verb == "mint" || verb == "rotate"):
		_, err := signableJWT(env)
		return err
	case k == JWT && verb == "verify":
		if b, err := env.JWT(); err != nil || !b.Keys().CanVerify() {
			return cmp.Or(err, keyMissing("the signatures cannot be checked"))
		}
	case k == Session && verb == "mint":
		_, err := SigningKeys(env)
		return err
	case k == Session && verb == "verify":
		if keys, err := env.Keys(); err != nil || len(keys) == 0 {
			return cmp.Or(err, sessionKeyMissing("the signatures cannot be checked"))
		}
	}
	return nil
}

// present returns the kinds that have the verb and a table in the database.
func present(l *db.Layout, verb string) []*Kind {
	return slices.DeleteFunc(Kinds(), func(k *Kind) bool { return !k.Present(l) || !k.Can(verb) })
}

// Default returns the kind that mint uses without --kind: drf if the database has the table of authtoken, else
// the only kind of tokens in the database. The error is CodeTableMissing or CodeKindRequired.
func Default(l *db.Layout) (*Kind, error) {
	if DRF.Present(l) {
		return DRF, nil
	}
	// Nearly every database has sessions, but operators mint them only for tests: mint requires --kind session.
	kinds := slices.DeleteFunc(present(l, "mint"), func(k *Kind) bool { return k == Session })
	switch len(kinds) {
	case 1:
		return kinds[0], nil
	case 0:
		return nil, DRF.tableMissing()
	}
	return nil, &tokenctl.Error{Code: tokenctl.CodeKindRequired, Message: "the database has several kinds of tokens",
		Hint: "say which with --kind " + strings.Join(namesOf(kinds), " or --kind ")}
}
