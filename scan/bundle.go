package scan

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"slices"
	"time"

	"tokenctl"
	"tokenctl/tokens"
)

// Bundle recognises the credentials of a database without the database. Its file is a line of JSON, followed
// by the sorted hashes, big-endian, of hashBytes each. A hash is the beginning of HMAC-SHA256 of a
// credential's proof (tokens.Proof) with the bundle's salt. The hashes cannot be reversed, and the hashes of
// two bundles cannot be compared.
type Bundle struct {
	Version int       `json:"tokenctl_scan_bundle"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
	Salt    []byte    `json:"salt"`
	Count   int       `json:"count"`
	// FalsePositives is the probability that a bundle takes another word for a credential.
	FalsePositives float64      `json:"false_positive_rate"`
	Forms          []BundleForm `json:"forms"`
	Knox           BundleKnox   `json:"knox"`
	JWT            BundleClaims `json:"jwt"`

	hashes []uint64
}

// BundleKnox are the settings with which knox tokens are recognised.
type BundleKnox struct {
	Prefix string `json:"token_prefix"`
	Length int    `json:"auth_token_character_length"`
	Hash   string `json:"secure_hash_algorithm"`
}

// BundleClaims are the names of the claims that identify a JWT.
type BundleClaims struct {
	ID   string `json:"jti_claim"`
	Type string `json:"token_type_claim"`
}

// BundleForm is a form of the database's drf keys.
type BundleForm struct {
	Length  int     `json:"length"`
	Letters Letters `json:"letters"`
}

const (
	bundleVersion = 1
	hashBytes     = 8
	maxBundleLine = 1 << 20
)

// NewBundle makes the bundle of a database. salt is random. left names the credentials that are not in the
// bundle.
func NewBundle(ctx context.Context, d *Database, salt []byte, created, expires time.Time) (b *Bundle, left []string, err error) {
	proofs, left, err := tokens.Proofs(ctx, d.Env, d.Store)
	if err != nil {
		return nil, nil, err
	}
	shapes, short, odd, err := d.Shapes(ctx)
	if err != nil {
		return nil, nil, err
	}
	if short > 0 {
		left = append(left, fmt.Sprintf("%d drf keys of fewer than %d characters", short, Least))
	}
	if odd > 0 {
		left = append(left, fmt.Sprintf("%d drf keys with odd characters", odd))
	}
	s := d.Env.Settings
	b = &Bundle{Version: bundleVersion, Created: created.UTC(), Expires: expires.UTC(), Salt: salt, Forms: shapes.added,
		Knox: BundleKnox{s.Knox.TokenPrefix, s.Knox.TokenLength(), s.Knox.HashName()}}
	claims := s.SimpleJWT.WithDefaults()
	b.JWT = BundleClaims{claims.JTIClaim, claims.TokenTypeClaim}
	hasher := newHasher(salt)
	for m, err := range proofs {
		if err != nil {
			return nil, nil, err
		}
		// scan does not search for short secrets, and their hashes could be guessed.
		if m.Clear && len(m.Text.Reveal()) < Least {
			continue
		}
		b.hashes = append(b.hashes, hasher.sum(m.Kind, m.Text))
	}
	slices.Sort(b.hashes)
	b.hashes = slices.Compact(b.hashes)
	b.Count = len(b.hashes)
	b.FalsePositives = float64(b.Count) / math.Pow(2, 8*hashBytes)
	return b, left, nil
}

// hasher hashes proofs.
type hasher struct{ mac hash.Hash }

func newHasher(salt []byte) hasher { return hasher{hmac.New(sha256.New, salt)} }

func (h hasher) sum(k *tokens.Kind, proof tokenctl.Secret) uint64 {
	h.mac.Reset()
	io.WriteString(h.mac, k.Name+"\x00")  //nolint:errcheck // writing to a hash does not fail
	io.WriteString(h.mac, proof.Reveal()) //nolint:errcheck
	var sum [sha256.Size]byte
	return binary.BigEndian.Uint64(h.mac.Sum(sum[:0]))
}

// WriteTo writes the file.
func (b *Bundle) WriteTo(to io.Writer) (int64, error) {
	head, err := json.Marshal(b)
	if err != nil {
		return 0, err
	}
	w := bufio.NewWriterSize(to, 64<<10)
	w.Write(append(head, '\n')) //nolint:errcheck // Flush returns it
	var text [hashBytes]byte
	for _, h := range b.hashes {
		binary.BigEndian.PutUint64(text[:], h)
		w.Write(text[:]) //nolint:errcheck // Flush returns it
	}
	return int64(len(head) + 1 + hashBytes*len(b.hashes)), w.Flush()
}

// ReadBundle reads a file of [Bundle.WriteTo]. A damaged file and another version are errors.
func ReadBundle(from io.Reader) (*Bundle, error) {
	r := bufio.NewReaderSize(from, maxBundleLine)
	head, err := r.ReadSlice('\n')
	if err != nil || !bytes.HasPrefix(head, []byte(`{"tokenctl_scan_bundle":`)) {
		return nil, errors.New("it is not a bundle of tokenctl scan")
	}
	b := new(Bundle)
	if err := json.Unmarshal(head, b); err != nil {
		return nil, errors.New("the bundle is damaged")
	}
	if b.Version != bundleVersion {
		return nil, fmt.Errorf("the bundle has the version %d, and this tokenctl reads version %d", b.Version, bundleVersion)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	if b.Count < 0 || len(text) != hashBytes*b.Count {
		return nil, errors.New("the bundle is damaged: it does not have as many hashes as it says")
	}
	b.hashes = make([]uint64, b.Count)
	for i := range b.hashes {
		b.hashes[i] = binary.BigEndian.Uint64(text[hashBytes*i:])
	}
	if !slices.IsSorted(b.hashes) {
		return nil, errors.New("the bundle is damaged: its hashes are not sorted")
	}
	return b, nil
}

// settings returns the settings of the database's application.
func (b *Bundle) settings() *tokenctl.Settings {
	s := new(tokenctl.Settings)
	s.Knox.TokenPrefix, s.Knox.AuthTokenCharacterLength, s.Knox.SecureHashAlgorithm = b.Knox.Prefix, b.Knox.Length, b.Knox.Hash
	s.SimpleJWT.JTIClaim, s.SimpleJWT.TokenTypeClaim = b.JWT.ID, b.JWT.Type
	return s
}

// Shapes returns the shapes of the secrets in the database.
func (b *Bundle) Shapes() *Shapes {
	s := NewShapes(b.settings())
	for _, f := range b.Forms {
		s.Add(tokens.DRF, f.Length, f.Letters)
	}
	return s
}

// Members implements the function type [Members].
func (b *Bundle) Members(_ context.Context, list []Candidate) ([][]*Match, error) {
	settings, hasher := b.settings(), newHasher(b.Salt)
	found := make([][]*Match, len(list))
	for i, c := range list {
		for _, k := range tokens.Kinds() {
			if !c.Kinds.Has(k) {
				continue
			}
			for _, proof := range k.ProofsOf(settings, tokenctl.NewSecret(c.Text)) {
				if _, ok := slices.BinarySearch(b.hashes, hasher.sum(k, proof)); ok {
					found[i] = append(found[i], &Match{Kind: k.Name})
					break
				}
			}
		}
	}
	return found, nil
}
