package commands

import (
	"strings"
	"testing"
)

func TestWithoutPassword(t *testing.T) {
	for raw, want := range map[string]string{
		"postgresql://app@db/shop":                              "postgresql://app@db/shop",
		"postgresql://app:hush@db:5432/shop?sslmode=require":    "postgresql://app@db:5432/shop?sslmode=require",
		"postgresql://app:hu@sh@db1:1,db2:2/shop":               "postgresql://app@db1:1,db2:2/shop",
		"postgresql:///shop?user=app&password=hush&host=%2Ftmp": "postgresql:///shop?user=app&host=%2Ftmp",
		"postgresql://app@db/shop?sslpassword=hush":             "postgresql://app@db/shop",
		"postgresql:///shop?pass%77ord=hush":                    redacted,
		"postgresql://app:hu/sh@db/shop":                        "postgresql://app@db/shop",
		"postgresql://app:hu?sh@db/shop":                        redacted,
		"password=hush":                                         redacted,
		"sqlite:///db.sqlite3":                                  "sqlite:///db.sqlite3",
	} {
		got := withoutPassword(raw)
		if got != want {
			t.Errorf("%s is shown as %s, want %s", raw, got, want)
		}
		if strings.Contains(got, "sh@") || strings.Contains(got, "hush") {
			t.Errorf("%s tells the password: %s", raw, got)
		}
	}
}
