package engine_test

import (
	"os"
	"path/filepath"
	"testing"

	"tokenctl/db/engine"
)

// TestSame: a database is recognised through every text that leads to it.
func TestSame(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "shop.db")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{os.Symlink(file, filepath.Join(dir, "link.db")), os.Link(file, filepath.Join(dir, "hard.db")), os.Symlink(dir, filepath.Join(dir, "here")),
		os.WriteFile(filepath.Join(dir, "services"), []byte("[crm]\nhost=db.example\ndbname=shop\n[own]\nhost=/run/postgresql\ndbname=shop\n"), 0o600)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	services := "&servicefile=" + filepath.Join(dir, "services")
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		one, two string
		same     bool
	}{
		{"sqlite:///shop.db", "sqlite:///" + file, true},
		{"sqlite:///shop.db", "sqlite:///./here/../shop.db", true},
		{"sqlite:///shop.db", "sqlite:///link.db", true},
		{"sqlite:///shop.db", "sqlite:///hard.db", true},
		{"sqlite:///shop.db", "sqlite:///here/shop.db", true},
		{"sqlite:///absent.db", "sqlite:///here/absent.db", true},
		{"sqlite:///shop.db", "sqlite:///other.db", false},
		{"sqlite:///shop.db", "postgresql://localhost/shop.db", false},
		{"postgresql://ann@db.example/shop", "postgres://bob:x@DB.Example.:5432/shop?sslmode=disable", true},
		{"postgresql://db.example/shop", "postgresql://db.example:5433/shop", false},
		{"postgresql://db.example/shop", "postgresql://db.example/crm", false},
		{"postgresql://db.example/shop", "postgresql://db2.example/shop", false},
		{"postgresql://db.example/shop", "postgresql://spare.example,db.example/shop", true},
		{"postgresql://db.example/shop", "postgresql://?service=crm" + services, true},
		{"postgresql://127.0.0.1/shop", "postgresql://?service=own" + services, true},
		{"postgresql://shop@db.example", "postgresql://ann@db.example/shop", true},
		{"postgresql://localhost/shop", "postgresql://127.0.0.1/shop", true},
		{"postgresql://localhost/shop", "postgresql://[::1]/shop", true},
		{"postgresql://localhost/shop", "postgresql:///shop?host=/var/run/postgresql", true},
		{"postgresql://localhost/shop", "postgresql://" + host + "/shop", true},
		{"postgresql://10.0.0.7/shop", "postgresql://[::ffff:10.0.0.7]/shop", true},
		{"postgresql://10.0.0.7/shop", "postgresql://localhost/shop", false},
	} {
		one, err1 := engine.ParseURL(test.one, dir)
		two, err2 := engine.ParseURL(test.two, dir)
		if err1 != nil || err2 != nil {
			t.Errorf("%s, %s: %v, %v", test.one, test.two, err1, err2)
		} else if one.Same(two) != test.same || two.Same(one) != test.same {
			t.Errorf("%s and %s: %v, want %v", test.one, test.two, !test.same, test.same)
		}
	}
}
