package scan

import (
	"archive/zip"
	"bytes"
	"context"
	"strings"
	"testing"

	"tokenctl"
)

// FuzzFinder puts a secret, in some form, into any text. It is found, and all candidates stand
// where they are said to stand.
func FuzzFinder(f *testing.F) {
	for _, e := range encodings {
		f.Add([]byte(e.encode(secrets["drf"])), uint8(1), uint16(100))
	}
	f.Add([]byte("=\n%41\\u0041\x00a\x00b eyJ.eyJ."), uint8(0), uint16(3))
	f.Fuzz(func(t *testing.T, text []byte, form uint8, cut uint16) {
		e := encodings[int(form)%len(encodings)]
		secret := secrets["drf"]
		at := int(cut) % (len(text) + 1)
		piece := "\n\n" + e.encode(secret) + "\n\n"
		whole := append(append(append([]byte{}, text[:at]...), piece...), text[at:]...)
		n := 0
		finder := newFinder(NewShapes(new(tokenctl.Settings)), func(text []byte, _ Kinds, at int, form Form) {
			switch {
			case at < 0 || at >= len(whole):
				t.Errorf("a candidate at %d of %d", at, len(whole))
			case form == Plain && !bytes.HasPrefix(whole[at:], text):
				t.Errorf("at %d there is no %q", at, text)
			case string(text) == secret:
				n++
			}
		})
		if rest := finder.window(whole, 0, false); rest < 0 || rest > len(whole) {
			t.Errorf("the next window begins at %d of %d", rest, len(whole))
		}
		n = 0
		finder.window(whole, 0, true)
		// In UTF-16 what stands before decides how the bytes are read.
		if n == 0 && e.form != UTF16 {
			t.Errorf("%s is not found in %q", e.name, whole)
		}
	})
}

// FuzzContainers reads anything as what it says it is.
func FuzzContainers(f *testing.F) {
	key := secrets["drf"]
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	if member, err := w.Create("x"); err == nil {
		member.Write([]byte(key))
	}
	w.Close()
	for _, seed := range []string{b.String(), "\x1f\x8b\x08\x00" + key, "\x28\xb5\x2f\xfd" + key, "BZh91AY&SY" + key, "\xfd7zXZ\x00" + key, "PK\x05\x06" + strings.Repeat("\x00", 18), strings.Repeat("0", 600), sqliteMagic + "\x02\x00\x01\x01\x00" + strings.Repeat("\x00", 79) + "\x0d\x00\x00\x00\x01\x00\x70" + strings.Repeat("\x03\x5d", 300)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s := New(Options{Shapes: NewShapes(new(tokenctl.Settings)), Found: func([]Finding) error { return nil }, Unread: func(string, string) {},
			Members: func(_ context.Context, list []Candidate) ([][]*Match, error) { return make([][]*Match, len(list)), nil }})
		if err := s.Reader(t.Context(), "-", bytes.NewReader(text)); err != nil {
			t.Error(err)
		}
		if err := s.Finish(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// FuzzBundle reads anything as a bundle.
func FuzzBundle(f *testing.F) {
	b := &Bundle{Version: bundleVersion, Count: 1, hashes: []uint64{7}, Forms: []BundleForm{{30, Word}}}
	var text bytes.Buffer
	if _, err := b.WriteTo(&text); err != nil {
		f.Fatal(err)
	}
	f.Add(text.Bytes())
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := ReadBundle(bytes.NewReader(text))
		if err != nil {
			return
		}
		if _, err := b.Members(t.Context(), []Candidate{{secrets["knox"], 15}}); err != nil {
			t.Error(err)
		}
		b.Shapes()
	})
}
