package db

import (
	"context"
	"strings"

	"tokenctl"
	"tokenctl/db/engine"
)

// An auditor's role does not see the texts of the admin log in which keys may stand. Its view shows the hashes
// of the words in them, and the database compares these with what the other views show of the credentials.

// wordsPrefix is the beginning of the names of the columns with the hashes of the words of another column.
const wordsPrefix = "tokenctl_words_"

// sha256Of and sha512Of are the names of hashes in such a column.
const sha256Of, sha512Of = "'" + hashPrefix + "' || encode(sha256(convert_to(SECRET, 'UTF8')), 'hex')", "'sha512:' || encode(sha512(convert_to(SECRET, 'UTF8')), 'hex')"

// hashedWords returns the expression of the hashes of the words in a text that may be secrets, one after the
// other: the SHA-256 of each word, its SHA-512, which is the digest of a knox token, and the SHA-256 of each
// JWT as the view of JWTs shows it.
func hashedWords(text string) string {
	of := func(hash, secret string) string { return strings.ReplaceAll(hash, "SECRET", secret) }
	return "(select string_agg(h, ' ') from (select " + of(sha256Of, "w[1]") + " || ' ' || " + of(sha512Of, "w[1]") + " as h from regexp_matches(" + text + ", '[0-9A-Za-z]{20,255}', 'g') w" +
		" union all select " + of(sha256Of, "regexp_replace(w[1], '[^.]*$', '"+Withheld+"')") + " from regexp_matches(" + text + `, 'eyJ[\w-]*\.eyJ[\w-]*\.[\w-]+', 'g') w) as words)`
}

// LoggedSecret is a credential whose secret stands in the admin log.
type LoggedSecret struct {
	Kind  string
	Key   tokenctl.Secret // its digest, its jti, or what the view of sessions shows of its key
	Entry string          // the primary key of the entry
}

// LoggedSecrets returns the credentials whose secrets are words of a column that the role sees as hashes only.
// It leaves out drf keys: see [Tx.LoggedKeys].
func (tx *Tx) LoggedSecrets(ctx context.Context, c SearchedText) ([]LoggedSecret, error) {
	words := "with words as materialized (select a.id, unnest(string_to_array(a." + engine.Quote(wordsPrefix+c.Column) + ", ' ')) as hash from " + tx.Layout.tables[tableAdminLog].SQL() + " a) "
	var parts []string
	for _, k := range []struct{ kind, column, hash string }{
		{"knox", "digest", "'sha512:' || t.digest"},
		{"jwt", "jti", strings.ReplaceAll(sha256Of, "SECRET", "regexp_replace(t.token, '[^.]*$', '"+Withheld+"')")},
		{"session", "session_key", strings.ReplaceAll(sha256Of, "SECRET", "t.session_key")},
	} {
		t, err := tx.Layout.usableTable(k.kind)
		if err != nil {
			continue
		}
		if k.kind == "session" && t.Masked() {
			k.hash = "right(t.session_key, 71)" // the view shows the hash behind the beginning of the key
		}
		parts = append(parts, "select '"+k.kind+"' as kind, cast(t."+k.column+" as text) as key, cast(w.id as text) as entry from "+t.SQL()+" t join words w on w.hash = "+k.hash)
	}
	if parts == nil {
		return nil, nil
	}
	return engine.Collect(ctx, tx.Tx, &engine.Query{Text: words + strings.Join(parts, " union ") + " order by 1, 2, 3"}, func(r *engine.Row) LoggedSecret {
		kind, key, entry := r.Text(), r.Text(), r.Text()
		return LoggedSecret{kind, tokenctl.NewSecret(key), entry}
	})
}
