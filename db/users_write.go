package db

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"tokenctl/django"
)

// NewUser is a user to be created. Fields that the model has no column for must
// be zero.
type NewUser struct {
	Username    string // value of USERNAME_FIELD, normalised
	Password    string // encoded
	Email       string
	FirstName   string
	LastName    string
	IsActive    bool
	IsStaff     bool
	IsSuperuser bool
	Set         map[string]string // further columns, as text
}

// userColumnFlags are the columns that NewUser's own fields fill.
var userColumnFlags = map[string]string{"email": "--email", "first_name": "--first-name", "last_name": "--last-name",
	"is_active": "--inactive", "is_staff": "--staff", "is_superuser": "--superuser"}

// CreateUser inserts a user and returns it. Django's tables have no defaults, so
// every column that must not be null needs a value: those that tokenctl does not
// know are a CodeColumnsRequired error that names them. random makes a UUID key.
func (tx *Tx) CreateUser(ctx context.Context, n NewUser, random io.Reader) (User, error) {
	tables, sets, err := tx.userRows(n)
	if err != nil {
		return User{}, err
	}
	u := tx.Layout.User
	if _, ours := sets[0][u.Key]; ours {
		id, err := newUUID(random)
		if err != nil {
			return User{}, err
		}
		sets[0][u.Key], _ = u.keyArg(tx.Layout.Engine, id)
	}
	var key string
	for i, t := range tables {
		if i > 0 {
			sets[i][t.primaryKey().Name], _ = u.keyArg(tx.Layout.Engine, key)
		}
		returning := "cast(" + quote(t.primaryKey().Name) + " as text)"
		if key, err = tx.insert(ctx, t, sets[i], returning); err != nil {
			if django.CodeOf(err) == django.CodeAlreadyExists {
				err = &django.Error{Code: django.CodeUserExists, Err: err,
					Message: fmt.Sprintf("the user %s, or another one of its unique values, exists already", n.Username)}
			}
			return User{}, err
		}
	}
	users, err := tx.UsersByID(ctx, []string{u.keyText(key)})
	if err != nil {
		return User{}, err
	}
	return users[0], nil
}

// CheckUser reports what CreateUser would find wrong with n by itself, without
// asking the database.
func (tx *Tx) CheckUser(n NewUser) error {
	_, _, err := tx.userRows(n)
	return err
}

// userRows are the values of a new user by column, for the user table and its
// children, from the parent down. A UUID key is there, but nil.
func (tx *Tx) userRows(n NewUser) ([]*Table, []map[string]any, error) {
	l := tx.Layout
	u, err := l.Users()
	if err != nil {
		return nil, nil, err
	}
	values := map[string]any{
		"password": n.Password, "email": n.Email, "first_name": n.FirstName, "last_name": n.LastName,
		"is_active": n.IsActive, "is_staff": n.IsStaff, "is_superuser": n.IsSuperuser, "date_joined": l.timeArg(tx.Now),
	}
	given := map[string]bool{"email": n.Email != "", "first_name": n.FirstName != "", "last_name": n.LastName != "",
		"is_active": !n.IsActive, "is_staff": n.IsStaff, "is_superuser": n.IsSuperuser}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if u.Column(name) != nil {
			continue
		}
		if given[name] {
			return nil, nil, &django.Error{Code: django.CodeUsage,
				Message: fmt.Sprintf("the user model has no %s column for %s", name, userColumnFlags[name])}
		}
		delete(values, name)
	}
	if u.Column("date_joined") == nil {
		delete(values, "date_joined")
	}
	// An e-mail that must be unique cannot stay empty for more than one user.
	if c := u.Column("email"); c != nil && c.Unique && n.Email == "" {
		delete(values, "email")
	}
	values[u.Username] = n.Username
	if key := u.Column(u.Key); !key.HasDefault && u.KeyType == KeyUUID {
		values[u.Key] = nil
	}
	tables := append([]*Table{u.Table}, u.Children...)
	slices.Reverse(tables[1:]) // from the parent down
	sets := make([]map[string]any, len(tables))
	sets[0] = values
	for i := range tables[1:] {
		sets[i+1] = map[string]any{}
	}
	if err := n.fill(l, u, tables, sets); err != nil {
		return nil, nil, err
	}
	return tables, sets, required(tables, sets)
}

// fill puts the further columns where they belong, in the form of their type.
func (n *NewUser) fill(l *Layout, u *UserTable, tables []*Table, sets []map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(n.Set)) {
		text := n.Set[name]
		flag, known := userColumnFlags[name]
		if name == u.Username || name == u.Key || name == "password" || known {
			e := &django.Error{Code: django.CodeUsage, Message: "--set cannot give the column " + name}
			switch {
			case known:
				e.Hint = "use " + flag
			case name == "password":
				e.Hint = "use --password-stdin, --password-file or --generate-password"
			}
			return e
		}
		i := slices.IndexFunc(tables, func(t *Table) bool { return t.Column(name) != nil })
		if i < 0 {
			return &django.Error{Code: django.CodeUsage, Message: fmt.Sprintf("the user table %s has no column %q", u.Name, name)}
		}
		value, err := l.textArg(tables[i].Column(name), text)
		if err != nil {
			return err
		}
		sets[i][name] = value
	}
	return nil
}

// required names the columns that would be null and must not be.
func required(tables []*Table, sets []map[string]any) error {
	var names []string
	for i, t := range tables {
		for _, c := range t.Columns {
			_, given := sets[i][c.Name]
			if c.NotNull && !c.HasDefault && !given && (i == 0 || !c.PrimaryKey) {
				names = append(names, c.Name)
			}
		}
	}
	if names == nil {
		return nil
	}
	var hints []string
	for _, name := range names {
		if flag, ok := userColumnFlags[name]; ok {
			hints = append(hints, flag+" VALUE")
		} else {
			hints = append(hints, "--set "+name+"=VALUE")
		}
	}
	return &django.Error{Code: django.CodeColumnsRequired,
		Message: "this application's users also need a value for " + strings.Join(names, ", "),
		Hint:    "give " + strings.Join(hints, " ")}
}

// textArg is the parameter for a value typed by the operator. PostgreSQL
// converts by itself; SQLite takes anything, and Django would choke on it later.
func (l *Layout) textArg(c *Column, text string) (any, error) {
	if l.Engine != SQLite {
		return text, nil
	}
	bad := &django.Error{Code: django.CodeInvalidValue, Message: fmt.Sprintf("the value for %s is no %s", c.Name, c.Type)}
	switch {
	case c.Type == "bool":
		b, err := strconv.ParseBool(strings.ToLower(text))
		if err != nil {
			return nil, bad
		}
		return b, nil
	case strings.Contains(c.Type, "int"):
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, bad
		}
		return n, nil
	case c.Type == "datetime":
		t, err := django.ParseSQLiteTime(text)
		if err != nil {
			return nil, bad
		}
		return django.FormatSQLiteTime(t), nil
	case c.Type == "char" && c.Length == 32:
		hex := strings.ToLower(strings.ReplaceAll(text, "-", ""))
		if len(hex) != 32 || strings.Trim(hex, "0123456789abcdef") != "" {
			return nil, bad
		}
		return hex, nil
	case c.Length > 0 && len([]rune(text)) > c.Length:
		return nil, &django.Error{Code: django.CodeInvalidValue, Message: fmt.Sprintf("the value for %s is longer than %d characters", c.Name, c.Length)}
	}
	return text, nil
}

// insert adds a row and returns the expression returning of it.
func (tx *Tx) insert(ctx context.Context, t *Table, values map[string]any, returning string) (string, error) {
	var columns, marks []string
	var args []any
	for _, c := range t.Columns {
		if v, ok := values[c.Name]; ok {
			args = append(args, v)
			columns = append(columns, quote(c.Name))
			marks = append(marks, "$"+strconv.Itoa(len(args)))
		}
	}
	var key string
	err := tx.conn.QueryRowContext(ctx, fmt.Sprintf("insert into %s (%s) values (%s) returning %s",
		t.SQL(), strings.Join(columns, ", "), strings.Join(marks, ", "), returning), args...).Scan(&key)
	return key, tx.store.explain(ctx, err)
}

func newUUID(random io.Reader) (string, error) {
	b := make([]byte, 16)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", err
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // RFC 9562 section 5.4
	return dashed(fmt.Sprintf("%x", b)), nil
}

// SetPassword stores an encoded password.
func (tx *Tx) SetPassword(ctx context.Context, u User, encoded string) error {
	return tx.updateUser(ctx, u, "password", encoded)
}

// SetActive switches a user on or off. It reports whether that changed
// anything.
func (tx *Tx) SetActive(ctx context.Context, u User, active bool) (bool, error) {
	if u.IsActive == nil {
		return false, &django.Error{Code: django.CodeLayoutUnsupported, Message: "this application's user model has no is_active column",
			Hint: "blacklist the user's tokens, or delete the user"}
	}
	if *u.IsActive == active {
		return false, nil
	}
	return true, tx.updateUser(ctx, u, "is_active", active)
}

func (tx *Tx) updateUser(ctx context.Context, u User, column string, value any) error {
	t := tx.Layout.User
	key, _ := t.keyArg(tx.Layout.Engine, u.ID)
	n, err := tx.execRows(ctx, fmt.Sprintf("update %s set %s = $1 where %s = $2", t.SQL(), quote(column), quote(t.Key)), value, key)
	if err != nil {
		return err
	}
	if n == 0 {
		return &django.Error{Code: django.CodeChanged, Message: "the user " + u.Username + " was deleted meanwhile"}
	}
	return nil
}
