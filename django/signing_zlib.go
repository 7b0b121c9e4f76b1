package django

import (
	"bytes"
	"encoding/base64"
	"io"
	"strings"
	"sync"

	"github.com/klauspost/compress/zlib"
)

// maxSignedPayload bounds the decompressed size of one signed text, in bytes: some kilobytes of zlib
// can expand to gigabytes, and a reader without a key cannot check first whether Django wrote them.
const maxSignedPayload = 1 << 20

// encodePayload is the first half of Signer.sign_object in django/core/signing.py (4.2) with
// compress=True: the URL-safe base64 of data. If zlib makes data shorter by more than a byte, it is a
// dot and the base64 of zlib's output.
func encodePayload(data []byte) string {
	var buf bytes.Buffer
	w, _ := zlibWriters.Get().(*zlib.Writer)
	if w == nil {
		w = zlib.NewWriter(&buf)
	} else {
		w.Reset(&buf)
	}
	defer zlibWriters.Put(w)
	// Writes to a bytes.Buffer do not fail.
	w.Write(data)
	w.Close()
	if buf.Len() < len(data)-1 {
		return "." + b64Encode(buf.Bytes())
	}
	return b64Encode(data)
}

// zlibWriters keeps compressors: each takes a megabyte, and a run may sign a million sessions.
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

// release returns u to the pool, unless its buffers have grown unusually large.
func (u *payloadDecoder) release() {
	if cap(u.text)+u.data.Cap() <= 64<<10 {
		payloadDecoders.Put(u)
	}
}

// decode reverses encodePayload. The data are valid until the next decode. The error is
// ErrSessionCorrupt or ErrSessionTooLarge.
func (u *payloadDecoder) decode(payload string) ([]byte, error) {
	payload, compressed := strings.CutPrefix(payload, ".")
	if base64.RawURLEncoding.DecodedLen(len(payload)) > maxSignedPayload {
		return nil, ErrSessionTooLarge
	}
	// Go's decoder skips line breaks. Django never writes any.
	var err error
	if u.text, err = base64.RawURLEncoding.AppendDecode(u.text[:0], []byte(payload)); err != nil {
		return nil, ErrSessionCorrupt
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
		return nil, ErrSessionCorrupt
	}
	u.data.Reset()
	u.limit = io.LimitedReader{R: u.zlib, N: maxSignedPayload + 1}
	switch _, err = u.data.ReadFrom(&u.limit); {
	case u.data.Len() > maxSignedPayload:
		return nil, ErrSessionTooLarge
	case err != nil:
		return nil, ErrSessionCorrupt
	}
	return u.data.Bytes(), nil
}
