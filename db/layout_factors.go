package db

import (
	"slices"
	"strings"

	"tokenctl/db/engine"
)

// Two packages store second factors, and no setting names their tables.
//
// django-otp has a table for each kind of device. A project may add its own kinds: each
// is a model that inherits from the abstract Device of django_otp/models.py (1.1.3, 1.7.3),
// so its table has the columns name, confirmed and user_id. Other tables, such as bookings,
// may have these columns too. A device has more columns: see [Layout.deviceKind].
//
// django-allauth has one table for all kinds, mfa_authenticator, whose model cannot be
// replaced (allauth/mfa/models.py, 65.0.2 and 65.19.1).

// The known kinds of second factors. The kind of any other device comes from its table's name.
const (
	FactorTOTP          = "totp"
	FactorStatic        = "static"
	FactorHOTP          = "hotp"
	FactorWebAuthn      = "webauthn"
	FactorRecoveryCodes = "recovery_codes"
)

// FactorKinds are the known kinds of second factors, in the order of lists.
var FactorKinds = []string{FactorTOTP, FactorStatic, FactorHOTP, FactorWebAuthn, FactorRecoveryCodes}

// factorTable is a table of second factors of the users of AUTH_USER_MODEL.
type factorTable struct {
	*Table
	kind  string        // the kind of every row; empty: the column type has the kind
	codes *engine.Table // for static devices: the table of their codes; else nil
}

// HasFactors reports whether the database has a table of second factors.
func (l *Layout) HasFactors() bool { return len(l.factors) > 0 }

// findFactors finds the tables of second factors among all.
func (l *Layout) findFactors(all []*Table) {
	for _, t := range all {
		users := t.Column("user_id").Target()
		if users == nil || !t.Stored() || t.foreignColumn() != "" || t.PrimaryKey() == nil {
			continue
		}
		if u, err := l.userModel(users); err != nil || !u.same(l.auth) {
			continue
		}
		f := &factorTable{Table: t}
		switch {
		case t == l.tables[tableMFA]:
			if t.lacks("type", "data") {
				continue
			}
		case !t.lacks("name", "confirmed") && t.Column("name").Text:
			f.codes = codesOf(t, all)
			if f.kind = l.deviceKind(f); f.kind == "" {
				continue
			}
		default:
			continue
		}
		l.factors = append(l.factors, f)
	}
	slices.SortStableFunc(l.factors, func(a, b *factorTable) int { return compareKinds(a.kind, b.kind) })
}

// lacks reports whether the table does not have all of the columns.
func (t *Table) lacks(columns ...string) bool {
	return slices.ContainsFunc(columns, func(name string) bool { return t.Column(name) == nil })
}

// deviceKind returns the kind of a table with the columns of a django-otp device. It is empty if nothing
// else shows that the rows are devices. TOTPDevice, HOTPDevice and StaticDevice are in django_otp/plugins
// (1.1.3, 1.7.3); a passkey is AbstractWebAuthnCredential of django-otp-webauthn. Other devices have the
// columns of ThrottlingMixin or SideChannelDevice, or the name of the app in front.
func (l *Layout) deviceKind(t *factorTable) string {
	switch {
	case !t.lacks("key", "step", "t0"):
		return FactorTOTP
	case !t.lacks("key", "counter", "digits"):
		return FactorHOTP
	case !t.lacks("credential_id", "public_key"):
		return FactorWebAuthn
	case t.codes != nil:
		return FactorStatic
	case !t.lacks("throttling_failure_count", "throttling_failure_timestamp"), !t.lacks("token", "valid_until"), strings.HasPrefix(t.Name, "otp_"):
		name := t.Name[strings.LastIndexByte(t.Name, '_')+1:]
		if short := strings.TrimSuffix(name, "device"); short != "" {
			return short
		}
		return name
	}
	return ""
}

// codesOf returns the table of the codes of static devices, or nil without one. The columns are those of
// StaticToken in django_otp/plugins/otp_static/models.py (1.7.3).
func codesOf(devices *Table, all []*Table) *engine.Table {
	for _, t := range all {
		if len(t.Columns) == 3 && !t.lacks("id", "token", "device_id") && t.Stored() && t.Column("device_id").Target() == devices.Table {
			return t.Table
		}
	}
	return nil
}

// factorTable returns t as a table of second factors, or nil if it is another table.
func (l *Layout) factorTable(t *engine.Table) *factorTable {
	for _, f := range l.factors {
		if f.SQL() == t.SQL() {
			return f
		}
	}
	return nil
}

// compareKinds sorts kinds of factors: those in [FactorKinds] first, and last the empty kind of a table with
// several kinds.
func compareKinds(a, b string) int {
	place := func(kind string) int {
		switch i := slices.Index(FactorKinds, kind); {
		case i >= 0:
			return i
		case kind == "":
			return len(FactorKinds) + 1
		}
		return len(FactorKinds)
	}
	if d := place(a) - place(b); d != 0 {
		return d
	}
	return strings.Compare(a, b)
}
