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
	zlib   inflater
}

var unpackers = sync.Pool{New: func() any { return new(unpacker) }}

// release makes u available to others, unless it has grown beyond what is usual.
func (u *unpacker) release() {
	if cap(u.text)+cap(u.packed)+cap(u.data) <= 64<<10 {
		unpackers.Put(u)
	}
}

// unpack reverses packPayload. The data are valid until u unpacks the next.
func (u *unpacker) unpack(payload string) ([]byte, error) {
	compressed := len(payload) > 0 && payload[0] == '.'
	if compressed {
		payload = payload[1:]
	}
	if base64.RawURLEncoding.DecodedLen(len(payload)) > maxSignedPayload {
		return nil, errPayloadTooLarge
	}
	// The decoder passes over line breaks, which Django never writes either.
	u.text = append(u.text[:0], payload...)
	var err error
	if u.packed, err = base64.RawURLEncoding.AppendDecode(u.packed[:0], u.text); err != nil {
		return nil, errPayloadCorrupt
	}
	if !compressed {
		return u.packed, nil
	}
	if data, ok := u.zlib.inflate(u.data, u.packed); ok {
		u.data = data
		return data, nil
	}
	r, err := zlib.NewReader(bytes.NewReader(u.packed))
	if err != nil {
		return nil, errPayloadCorrupt
	}
	u.data, err = io.ReadAll(io.LimitReader(r, maxSignedPayload+1))
	switch {
	case len(u.data) > maxSignedPayload:
		return nil, errPayloadTooLarge
	case err != nil:
		return nil, errPayloadCorrupt
	}
	return u.data, nil
}
