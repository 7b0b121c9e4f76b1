package django

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"

	"tokenctl"
)

// hash_token and TOKEN_KEY_LENGTH of knox 4.1.0, 4.2.0 and 5.0.2, run on the token below.
func TestKnoxRow(t *testing.T) {
	t.Parallel()
	const (
		token = "9ff4ffcf26be9ff3c36de645a55d1b9fa2b02200a32628e78d33bcff361a9c4d"
		salt  = "0123456789abcdef"
	)
	for _, test := range []struct {
		name   string
		scheme KnoxScheme
		hash   string
		salt   string
		want   KnoxRow
	}{
		{"text", KnoxText, "", "", KnoxRow{"04f83c5904a7b8c61ce0084df8a420a84e75d7d97739b8b241df5518f87345dad87f4370817294b7f6efdb240ea0f5b78ba8adf3e6f945d4bd9cd8126964f02e", "9ff4ffcf26be9ff"}},
		{"text_sha3", KnoxText, "hashlib.sha3_512", "", KnoxRow{"e679f518399f763b946fe06f8ef264bc5ae9eb1f4884b957c26115f59336fbb1aa842cd31cd31f46e430b8f39cf7b51fdf82da464bb47c7a699209a218d0831c", "9ff4ffcf26be9ff"}},
		{"text_blake2b", KnoxText, "blake2b", "", KnoxRow{"6dd1b61101da7569bb8551d18efd88601297f0028fd11e5f0820a34b61c35f3574e9e130a19eccb625b605fbaa5455933f6f1691bd9027f70f7d926fb4b2c289", "9ff4ffcf26be9ff"}},
		{"text_blake2s", KnoxText, "hashlib.blake2s", "", KnoxRow{"812ba7de731c7bbb982ac412e3e5d3740aae5a94ee57d9a2fa84f0ae87bae96f", "9ff4ffcf26be9ff"}},
		{"hex", KnoxHex, "", "", KnoxRow{"a36263123b7ccdc738ec36902857acd853b8ae2e004b9bb1edc49cd7230a93c1651ae2b2b7bc5b393d38d4cde8806a7ae798b47d9ed5dfa995ba18b7b79e30bc", "9ff4ffcf"}},
		{"hex_sha3", KnoxHex, "cryptography.hazmat.primitives.hashes.SHA3_512", "", KnoxRow{"6d18cc099a6080ee979fea00fb8c6b02b10f73f9d769e50f2e44b3ca433144e6ee9de087e2b3ee712ec121357fc07418a73ac80398b130ce1f4d90ab3ceca54c", "9ff4ffcf"}},
		{"salted", KnoxSalted, "cryptography.hazmat.primitives.hashes.SHA512", salt, KnoxRow{"750ed3421f02017842da2fee5775329b91ad7a08e3e2e60244c04fec4ef49bfd98c4efbf0c4de87473fad8e80785de115d6025115fff08fb7bcdfe48c3908ee4", "9ff4ffcf"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			k := tokenctl.KnoxSettings{SecureHashAlgorithm: test.hash}
			row, err := test.scheme.Row(k, tokenctl.NewSecret(token), test.salt)
			if err != nil || row != test.want {
				t.Errorf("%+v, %v", row, err)
			}
			if !test.scheme.Verify(k, tokenctl.NewSecret(token), row.Digest, test.salt) {
				t.Error("does not verify")
			}
			other := strings.Replace(token, "9", "8", 1)
			if test.scheme.Verify(k, tokenctl.NewSecret(other), row.Digest, test.salt) || test.scheme.Verify(k, tokenctl.NewSecret(token), strings.ToUpper(row.Digest), test.salt) {
				t.Error("verifies what it should not")
			}
		})
	}
	t.Run("upper_case_hex", func(t *testing.T) {
		lower, err1 := KnoxHex.Row(tokenctl.KnoxSettings{}, tokenctl.NewSecret(token), "")
		upper, err2 := KnoxHex.Row(tokenctl.KnoxSettings{}, tokenctl.NewSecret(strings.ToUpper(token)), "")
		if err1 != nil || err2 != nil || lower.Digest != upper.Digest || upper.TokenKey != "9FF4FFCF" {
			t.Errorf("%+v, %v, %+v, %v", lower, err1, upper, err2)
		}
	})
	t.Run("drf_key", func(t *testing.T) {
		const key = "a35407cd24f9fad31648b0362f72bab9bed41726"
		for scheme, want := range map[KnoxScheme]KnoxRow{
			KnoxText: {"e7588a919ae4c14505b141a1a4244366a3e3b122903e5ac4a0cec8452cc435299ea1f7125dd00a67767786ac4f8a6f1d9a853b37336877803386acfd586f267e", "a35407cd24f9fad"},
			KnoxHex:  {"3dc685a4e4078c6d836c1b543ee1778d6c9a8f71aa4297adb61e46d372c6e8c0a9b7c81ed2aa8171ab8a11c699f56c8676b07442f710b3f3aef97b41b982b3cf", "a35407cd"},
		} {
			if row, err := scheme.Row(tokenctl.KnoxSettings{}, tokenctl.NewSecret(key), ""); err != nil || row != want {
				t.Errorf("%v: %+v, %v", scheme, row, err)
			}
		}
	})
	t.Run("refuses", func(t *testing.T) {
		for _, bad := range []struct {
			scheme      KnoxScheme
			token, salt string
		}{
			{KnoxHex, token[1:], ""}, {KnoxHex, "zz" + token, ""}, {KnoxSalted, token, "xyz"}, {KnoxText, token[:20], ""}, {KnoxText, "", ""},
		} {
			row, err := bad.scheme.Row(tokenctl.KnoxSettings{}, tokenctl.NewSecret(bad.token), bad.salt)
			if err == nil || bad.token != "" && strings.Contains(err.Error(), bad.token) {
				t.Errorf("%+v: %+v, %v", bad, row, err)
			}
		}
	})
}

func TestKnoxSchemeOf(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		salt  bool
		width int
		want  KnoxScheme
	}{{true, 8, KnoxSalted}, {true, 0, KnoxSalted}, {false, 8, KnoxHex}, {false, 25, KnoxText}, {false, 0, KnoxText}} {
		if got := KnoxSchemeOf(test.salt, test.width); got != test.want {
			t.Errorf("%+v: %v", test, got)
		}
	}
}

func TestKnoxNewToken(t *testing.T) {
	t.Parallel()
	random := bytes.Repeat([]byte{0xab}, 1000)
	for _, test := range []struct {
		settings tokenctl.KnoxSettings
		want     string
	}{
		{tokenctl.KnoxSettings{}, strings.Repeat("ab", 32)},
		{tokenctl.KnoxSettings{TokenPrefix: "acme_", AuthTokenCharacterLength: 41}, "acme_" + strings.Repeat("ab", 20)},
	} {
		token, err := KnoxText.NewToken(test.settings, bytes.NewReader(random))
		if err != nil || token.Reveal() != test.want {
			t.Errorf("%+v: %s, %v", test.settings, token.Reveal(), err)
		}
	}
	if key := KnoxText.TokenKey(tokenctl.NewSecret("äcme_0123456789abcdef")); key != "äcme_0123456789" {
		t.Errorf("token_key %s", key)
	}
	if _, err := KnoxText.NewToken(tokenctl.KnoxSettings{}, bytes.NewReader(random[:31])); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("without randomness: %v", err)
	}
	if _, err := KnoxHex.NewToken(tokenctl.KnoxSettings{TokenPrefix: "p"}, bytes.NewReader(random)); err == nil {
		t.Error("a prefix in 4.2")
	}
}

// The functions of hashlib fit the column.
func TestKnoxHashes(t *testing.T) {
	t.Parallel()
	for name, newHash := range knoxHashes {
		if n := hex.EncodedLen(newHash().Size()); n > 128 {
			t.Errorf("%s: %d characters", name, n)
		}
	}
}

func TestKnoxSettings(t *testing.T) {
	t.Parallel()
	var s struct{ Knox tokenctl.KnoxSettings }
	err := toml.Unmarshal([]byte(`[knox]
token_ttl = "never"
token_prefix = "acme_"
token_limit_per_user = 0
auto_refresh_max_ttl = "30d"
min_refresh_interval = 0
auth_header_prefix = "Bearer"
auth_token_character_length = 80
secure_hash_algorithm = "hashlib.sha3_512"`), &s)
	if err != nil {
		t.Fatal(err)
	}
	k := s.Knox
	if err := k.Validate(); err != nil {
		t.Error(err)
	}
	if _, ok := k.TokenTTL.Duration(); ok || k.TokenTTL.Expiry(time.Now()) != nil || !KnoxLimitReached(k, 0) ||
		k.MinRefreshInterval == nil || k.MinRefreshInterval.Duration != 0 || k.HeaderPrefix() != "Bearer" {
		t.Errorf("%+v", k)
	}
	for _, text := range []string{"never", "10h0m0s"} {
		var ttl tokenctl.KnoxTTL
		if err := ttl.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if out, err := ttl.MarshalText(); err != nil || string(out) != text {
			t.Errorf("%s becomes %s, %v", text, out, err)
		}
	}
	negative, backwards := -1, tokenctl.Seconds{Duration: -1}
	for name, bad := range map[string]tokenctl.KnoxSettings{
		"long prefix":  {TokenPrefix: "12345678901"},
		"space":        {TokenPrefix: "a b"},
		"two words":    {AuthHeaderPrefix: "To ken"},
		"short":        {AuthTokenCharacterLength: 16},
		"negative":     {AuthTokenCharacterLength: -64},
		"limit":        {TokenLimitPerUser: &negative},
		"max ttl":      {AutoRefreshMaxTTL: tokenctl.Duration{Duration: -1}},
		"interval":     {MinRefreshInterval: &backwards},
		"md5":          {SecureHashAlgorithm: "hashlib.md5"},
		"shake":        {SecureHashAlgorithm: "hashlib.shake_128"},
		"never, renew": {AutoRefresh: true, TokenTTL: tokenctl.KnoxNever},
	} {
		if err := bad.Validate(); tokenctl.CodeOf(err) != tokenctl.CodeConfigInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (tokenctl.KnoxSettings{}).Validate(); err != nil {
		t.Error(err)
	}
}

func TestKnoxRefreshed(t *testing.T) {
	t.Parallel()
	created := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(d time.Duration) *time.Time { later := created.Add(d); return &later }
	zero := tokenctl.Seconds{}
	on := tokenctl.KnoxSettings{AutoRefresh: true}
	capped := tokenctl.KnoxSettings{AutoRefresh: true, AutoRefreshMaxTTL: tokenctl.Duration{Duration: 12 * time.Hour}}
	for _, test := range []struct {
		name     string
		settings tokenctl.KnoxSettings
		expiry   *time.Time
		now      time.Duration
		want     *time.Time
		write    bool
	}{
		{"off", tokenctl.KnoxSettings{}, at(10 * time.Hour), time.Hour, at(10 * time.Hour), false},
		{"on", on, at(10 * time.Hour), time.Hour, at(11 * time.Hour), true},
		{"never_expires", on, nil, time.Hour, nil, false},
		{"a_minute_is_too_little", on, at(10 * time.Hour), time.Minute, at(10 * time.Hour), false},
		{"more_is_not", on, at(10 * time.Hour), time.Minute + time.Microsecond, at(10*time.Hour + time.Minute + time.Microsecond), true},
		{"no_interval", tokenctl.KnoxSettings{AutoRefresh: true, MinRefreshInterval: &zero}, at(10 * time.Hour), time.Second, at(10*time.Hour + time.Second), true},
		{"capped", capped, at(10 * time.Hour), 5 * time.Hour, at(12 * time.Hour), true},
		{"at_the_cap", capped, at(12 * time.Hour), 6 * time.Hour, at(12 * time.Hour), false},
		{"longer_than_new", on, at(1000 * time.Hour), time.Hour, at(1000 * time.Hour), false},
		{"ttl_never", tokenctl.KnoxSettings{AutoRefresh: true, TokenTTL: tokenctl.KnoxNever}, at(time.Hour), 0, at(time.Hour), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, write := KnoxRefreshed(test.settings, created, test.expiry, created.Add(test.now))
			if write != test.write || (got == nil) != (test.want == nil) || got != nil && !got.Equal(*test.want) {
				t.Errorf("%v, %v, want %v, %v", got, write, test.want, test.write)
			}
		})
	}
}

func TestKnoxExpiry(t *testing.T) {
	t.Parallel()
	now := time.Now()
	before, after := now.Add(-1), now.Add(1)
	for _, test := range []struct {
		expiry          *time.Time
		expired, counts bool
	}{{nil, false, false}, {&before, true, false}, {&now, false, false}, {&after, false, true}} {
		if KnoxExpired(test.expiry, now) != test.expired || KnoxCountsTowardsLimit(test.expiry, now) != test.counts {
			t.Errorf("%v at %v", test.expiry, now)
		}
	}
	if KnoxLimitReached(tokenctl.KnoxSettings{}, 1000) {
		t.Error("there is no limit by default")
	}
}
