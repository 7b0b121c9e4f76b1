package db

import (
	"context"

	"tokenctl/django"
)

// ReplaceTokens gives tokens new keys. The statement names the keys that were
// seen, so of two operators at once only one succeeds; the other is refused with
// CodeChanged. No other table refers to the key.
func (tx *Tx) ReplaceTokens(ctx context.Context, old []Token, keys []django.Secret) ([]Token, Refusals, error) {
	refused, err := tx.changeTokens(ctx, "update "+tx.Layout.AuthToken().SQL()+" as t set key = n.fresh, created = n.all from n where t.key = n.seen and t.user_id = n.owner",
		old, tx.Layout.timeArg(tx.Now), given{"fresh", tx.Layout.AuthToken().Column("key"), revealed(keys)})
	list := make([]Token, len(old))
	for i, t := range old {
		list[i] = Token{Key: keys[i], Created: tx.Now, User: t.User}
	}
	return list, refused, err
}

// DeleteTokens removes tokens. One that is no longer what was seen is refused
// with CodeChanged.
func (tx *Tx) DeleteTokens(ctx context.Context, old []Token) (Refusals, error) {
	return tx.changeTokens(ctx, "delete from "+tx.Layout.AuthToken().SQL()+" as t using n where t.key = n.seen and t.user_id = n.owner", old, nil)
}

func (tx *Tx) changeTokens(ctx context.Context, text string, old []Token, same any, more ...given) (Refusals, error) {
	t := tx.Layout.AuthToken()
	users, keys := make([]User, len(old)), make([]django.Secret, len(old))
	for i, token := range old {
		users[i], keys[i] = token.User, token.Key
	}
	owners, err := tx.Layout.keysOf(users)
	if err != nil {
		return nil, err
	}
	return tx.changeEach(ctx, change{text: text, same: same, places: knownPlaces(old, func(t *Token) Place { return t.Place }),
		each: append([]given{{"owner", t.Column("user_id"), owners}, {"seen", t.Column("key"), revealed(keys)}}, more...)},
		func(i int) error {
			return &django.Error{Code: django.CodeChanged, Message: "the token of " + old[i].User.Username + " was changed or deleted meanwhile",
				Hint: "nothing was done; look again with tokenctl list --user"}
		})
}

// ReplaceToken is ReplaceTokens for one.
func (tx *Tx) ReplaceToken(ctx context.Context, old Token, key django.Secret) (Token, error) {
	list, refused, err := tx.ReplaceTokens(ctx, []Token{old}, []django.Secret{key})
	return list[0], only(refused, err)
}

// DeleteToken is DeleteTokens for one.
func (tx *Tx) DeleteToken(ctx context.Context, old Token) error {
	return only(tx.DeleteTokens(ctx, []Token{old}))
}
