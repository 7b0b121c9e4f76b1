package commands

import (
	"context"
	"strings"

	"tokenctl/db"
	"tokenctl/django"
	"tokenctl/tokens"
)

// prepare opens the database and checks against it what is to be minted. It reports
// whether there is something to do.
func (r *mintRun) prepare(ctx context.Context) (bool, error) {
	a, o := r.o.app, r.o
	var err error
	if r.store, err = o.open(ctx); r.store == nil || err != nil {
		return false, err
	}
	layout, err := r.store.Layout(ctx)
	if err != nil {
		return false, err
	}
	if r.kind, err = chooseKind(layout, o.kind); err != nil {
		return false, err
	}
	if _, err := r.store.ChooseUsers(ctx, []string{r.kind.Name}); err != nil {
		return false, err
	}
	lifetime, err := o.lifetime.resolve(r.store.Now())
	if err != nil {
		return false, err
	}
	r.request = tokens.MintRequest{Lifetime: lifetime, Type: o.tokenType, Force: o.force}
	if r.request.Further, err = parseSet(o.set); err != nil {
		return false, err
	}
	if r.request.Claims, err = parseClaims(o.claims); err != nil {
		return false, err
	}
	if err := r.kind.CheckMint(a.env(), r.request); err != nil {
		return false, err
	}
	if err := r.kind.CheckTable(layout, r.request); err != nil {
		return false, err
	}
	r.filter, err = o.filter.resolve(ctx, a, r.store, layout)
	return err == nil, err
}

func chooseKind(l *db.Layout, name string) (*tokens.Kind, error) {
	if name == "" {
		return tokens.Default(l)
	}
	k, err := kindNamed(name)
	if err != nil {
		return nil, err
	}
	if err := k.CheckVerb("mint"); err != nil {
		return nil, err
	}
	if k.Tableless {
		return k, nil // some types of its credentials need no table; MintBelowLimit checks
	}
	return k, k.Check(l)
}

// parseClaims reads --claim NAME=JSON.
func parseClaims(list []string) ([]django.JWTClaim, error) {
	var claims []django.JWTClaim
	for _, text := range list {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, usage("--claim needs a name and a value", `write --claim roles='["ops"]' or --claim tenant='"acme"'`)
		}
		c, err := django.NewJWTClaim(name, []byte(value))
		if err != nil {
			return nil, usage("the value of --claim "+name+" is not JSON", `write --claim roles='["ops"]' or --claim tenant='"acme"'`)
		}
		claims = append(claims, c)
	}
	return claims, nil
}

// parseSet reads --set COLUMN=VALUE. An empty value is an empty text.
func parseSet(list []string) (map[string]string, error) {
	set := map[string]string{}
	for _, assignment := range list {
		name, value, ok := strings.Cut(assignment, "=")
		if !ok || name == "" {
			return nil, usage("--set needs COLUMN=VALUE", "write --set phone=+4912345")
		}
		if _, twice := set[name]; twice {
			return nil, usage("--set gives "+name+" twice", "")
		}
		if err := fits(nil, value); err != nil {
			return nil, invalidValue("the value for "+name, "", err)
		}
		set[name] = value
	}
	return set, nil
}
