package django

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/klauspost/compress/zlib"
)

// maxSignedPayload bounds what one signed text may unfold to: a few kilobytes of zlib can stand for
// gigabytes, and who only reads has no key to see first whether Django wrote them.
const maxSignedPayload = 1 << 20

var (
	errPayloadCorrupt  = errors.New("not a payload that Django writes")
	errPayloadTooLarge = errors.New("the payload is larger than 1 MiB")
)

// encodePayload is the first half of Signer.sign_object in django/core/signing.py (4.2), with
// compress=True: URL-safe base64 of data, or a dot and that of zlib's output where it is shorter by
// more than a byte.
func encodePayload(data []byte) string {
	var buf bytes.Buffer
	w, _ := zlibWriters.Get().(*zlib.Writer)
	if w == nil {
		w = zlib.NewWriter(&buf)
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

// payloadDecoder decodes payloads and reuses its memory for the next one.
type payloadDecoder struct {
	packed bytes.Reader
	zlib   io.ReadCloser // nil before the first compressed payload
	limit  io.LimitedReader
	text   []byte
	data   bytes.Buffer
}

var payloadDecoders = sync.Pool{New: func() any { return new(payloadDecoder) }}

// release makes u available to others, unless it has grown beyond what is usual.
func (u *payloadDecoder) release() {
	if cap(u.text)+u.data.Cap() <= 64<<10 {
		payloadDecoders.Put(u)
	}
}

// unpack reverses encodePayload. The data are valid until the next decode.
func (u *payloadDecoder) decode(payload string) ([]byte, error) {
	payload, compressed := strings.CutPrefix(payload, ".")
	if base64.RawURLEncoding.DecodedLen(len(payload)) > maxSignedPayload {
		return nil, errPayloadTooLarge
	}
	// The decoder passes over line breaks, which Django never writes either.
	var err error
	if u.text, err = base64.RawURLEncoding.AppendDecode(u.text[:0], []byte(payload)); err != nil {
		return nil, errPayloadCorrupt
	}
	if !compressed {
		return u.text, nil
	}
	u.packed.Reset(u.text)
	if u.zlib == nil {
		u.zlib, err = zlib.NewReader(&u.packed)
	} else {
		err = u.zlib.(zlib.Resetter).Reset(&u.packed, nil)
	}
	if err != nil {
		return nil, errPayloadCorrupt
	}
	u.data.Reset()
	u.limit = io.LimitedReader{R: u.zlib, N: maxSignedPayload + 1}
	switch _, err = u.data.ReadFrom(&u.limit); {
	case u.data.Len() > maxSignedPayload:
		return nil, errPayloadTooLarge
	case err != nil:
		return nil, errPayloadCorrupt
	}
	return u.data.Bytes(), nil
}
