package django

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"errors"
	"io"
	"sync"
)

// maxSignedPayload bounds what one signed text may unfold to: a few kilobytes of zlib can stand for
// gigabytes, and who only reads has no key to see first whether Django wrote them.
const maxSignedPayload = 1 << 20

var (
	errPayloadCorrupt  = errors.New("not a payload that Django writes")
	errPayloadTooLarge = errors.New("the payload is larger than 1 MiB")
)

// packPayload is the first half of Signer.sign_object in django/core/signing.py (4.2), with
// compress=True: URL-safe base64 of data, or a dot and that of zlib's output where it is shorter by
// more than a byte.
func packPayload(data []byte) string {
	var buf bytes.Buffer
	w, _ := zlibWriters.Get().(*zlib.Writer)
	if w == nil {
		w = zlib.NewWriter(&buf) // the default level is Python's too
	} else {
		w.Reset(&buf)
	}
	defer zlibWriters.Put(w)
	// A bytes.Buffer takes everything, so these do not fail.
	w.Write(data)
	w.Close()
	if buf.Len() < len(data)-1 {
		return "." + b64Encode(buf.Bytes())
	}
	return b64Encode(data)
}

// A compressor weighs a megabyte, and a run may sign a session for each of a million users.
var zlibWriters sync.Pool

// unpacker holds what taking a payload apart needs, to be used again for the next.
type unpacker struct {
	text   []byte
	packed []byte
	data   []byte
	source bytes.Reader
	zlib   io.ReadCloser
}

var unpackers = sync.Pool{New: func() any { return new(unpacker) }}

// release makes u available to others, unless it has grown beyond what is usual.
func (u *unpacker) release() {
	if cap(u.text)+cap(u.packed)+cap(u.data) <= 64<<10 {
		unpackers.Put(u)
	}
}

// unpack reverses packPayload. It calls use with the start of the data, longer each time, until use
// is content or all of it was shown, which complete tells. The slice is valid within the call only.
func (u *unpacker) unpack(payload string, use func(data []byte, complete bool) (done bool)) error {
	compressed := len(payload) > 0 && payload[0] == '.'
	if compressed {
		payload = payload[1:]
	}
	if base64.RawURLEncoding.DecodedLen(len(payload)) > maxSignedPayload {
		return errPayloadTooLarge
	}
	// The decoder passes over line breaks, which Django never writes either.
	u.text = append(u.text[:0], payload...)
	var err error
	if u.packed, err = base64.RawURLEncoding.AppendDecode(u.packed[:0], u.text); err != nil {
		return errPayloadCorrupt
	}
	if !compressed {
		use(u.packed, true)
		return nil
	}
	u.source.Reset(u.packed)
	if u.zlib == nil {
		u.zlib, err = zlib.NewReader(&u.source)
	} else {
		err = u.zlib.(zlib.Resetter).Reset(&u.source, nil)
	}
	if err != nil {
		return errPayloadCorrupt
	}
	return u.inflate(use)
}

// inflate reads in growing steps: most payloads are short, and most of what is looked for stands at
// the beginning.
func (u *unpacker) inflate(use func(data []byte, complete bool) bool) error {
	if u.data == nil {
		u.data = make([]byte, 0, 1<<10)
	}
	u.data = u.data[:0]
	for {
		for len(u.data) < cap(u.data) {
			n, err := u.zlib.Read(u.data[len(u.data):cap(u.data)])
			u.data = u.data[:len(u.data)+n]
			if len(u.data) > maxSignedPayload {
				return errPayloadTooLarge
			}
			if err == io.EOF {
				use(u.data, true)
				return nil
			}
			if err != nil {
				return errPayloadCorrupt
			}
		}
		if use(u.data, false) {
			return nil
		}
		bigger := make([]byte, len(u.data), 4*cap(u.data))
		copy(bigger, u.data)
		u.data = bigger
	}
}
