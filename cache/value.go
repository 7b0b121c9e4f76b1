package cache

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz/lzma"

	"tokenctl/django"
)

// maxValue is the largest value of a session, in bytes, before and after decompression. Without a limit, anybody
// who may write to the cache could store some kilobytes that decompress to gigabytes.
const maxValue = 1 << 20

// Errors of [ReadSession], besides [ErrNoDict].
var (
	ErrTooLarge = errors.New("its value is larger than 1 MiB")
	ErrNoValue  = errors.New("its value is neither a pickle nor JSON")
	ErrLZ4      = errors.New("its value is compressed with lz4, which tokenctl cannot read")
)

// ReadSession reads the login of a session, which is a dict. The value is a text of Django's Redis
// backend or of django-redis: a pickle or JSON, compressed or not. Both backends write an int as its
// digits. The beginning of the value shows its form; django-redis also reads values without compression
// (DefaultClient.decode of django_redis/client/default.py, 5.4). The error is one of those above, or
// [ErrNoDict].
func ReadSession(value string) (django.SessionLogin, error) {
	data, err := unpack([]byte(value))
	if err != nil {
		return django.SessionLogin{}, err
	}
	text := bytes.TrimLeft(data, " \t\r\n")
	if len(text) > 0 && text[0] == '{' {
		login, err := django.LoginInJSON(text)
		if err != nil {
			err = ErrNoValue
		}
		return login, err
	}
	dict, err := ReadPickle(data)
	switch {
	case errors.Is(err, ErrNotPickle) && json.Valid(text):
		err = ErrNoDict // an int too
	case errors.Is(err, ErrNotPickle):
		err = ErrNoValue
	}
	return django.LoginIn(func(name string) string {
		switch v := dict[name].(type) {
		case string:
			return v
		case *big.Int:
			return v.String()
		}
		return ""
	}), err
}

// unpack decompresses a value if it is compressed.
func unpack(value []byte) ([]byte, error) {
	begins := func(magic string) bool { return bytes.HasPrefix(value, []byte(magic)) }
	if len(value) > maxValue {
		return nil, ErrTooLarge
	}
	switch {
	case begins("\x1f\x8b"):
		return inflate(&gzipReaders, func(from io.Reader) (inflater, error) {
			r, err := gzip.NewReader(from)
			return gzipInflater{r}, err
		}, value)
	case begins("x") && len(value) > 1 && binary.BigEndian.Uint16(value)%31 == 0: // RFC 1950, 2.2
		return inflate(&zlibReaders, func(from io.Reader) (inflater, error) {
			r, err := zlib.NewReader(from)
			if err != nil {
				return nil, err
			}
			return zlibInflater{r}, nil
		}, value)
	case begins("\x28\xb5\x2f\xfd"):
		data, err := zstdDecoder().DecodeAll(value, nil)
		if errors.Is(err, zstd.ErrDecoderSizeExceeded) || errors.Is(err, zstd.ErrWindowSizeExceeded) {
			err = ErrTooLarge
		} else if err != nil {
			err = ErrNoValue
		}
		return data, err
	case begins("\xfd7zXZ\x00"):
		return unpackXZ(value)
	case begins("\x04\x22\x4d\x18"):
		return nil, ErrLZ4
	}
	return value, nil
}

// inflater is a decompressor that is reused: a new one takes 40 KiB.
type inflater interface {
	io.Reader
	reset(from io.Reader) error
}

type (
	gzipInflater struct{ *gzip.Reader }
	zlibInflater struct{ io.ReadCloser }
)

func (r gzipInflater) reset(from io.Reader) error { return r.Reset(from) }
func (r zlibInflater) reset(from io.Reader) error {
	return r.ReadCloser.(zlib.Resetter).Reset(from, nil)
}

var gzipReaders, zlibReaders sync.Pool

func inflate(pool *sync.Pool, open func(io.Reader) (inflater, error), value []byte) (_ []byte, err error) {
	r, _ := pool.Get().(inflater)
	if r == nil {
		r, err = open(bytes.NewReader(value))
	} else {
		err = r.reset(bytes.NewReader(value))
	}
	if err != nil {
		return nil, ErrNoValue
	}
	defer pool.Put(r)
	return readBounded(r)
}

// readBounded reads the whole output of a decompressor. The error is [ErrTooLarge] beyond maxValue.
func readBounded(from io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(from, maxValue+1))
	switch {
	case len(data) > maxValue:
		return nil, ErrTooLarge
	case err != nil:
		return nil, ErrNoValue
	}
	return data, nil
}

var zstdDecoder = sync.OnceValue(func() *zstd.Decoder {
	d, _ := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxValue)) //nolint:errcheck // only invalid options fail
	return d
})

// unpackXZ reads the first block of an .xz file of Python's lzma.compress (The .xz File Format 1.2.1,
// sections 2.1.1 and 3.1). It limits the dictionary to maxValue, whatever size the header has.
func unpackXZ(value []byte) ([]byte, error) {
	const streamHeader = 12
	if len(value) < streamHeader+8 {
		return nil, ErrNoValue
	}
	block := value[streamHeader:]
	size := 4 * (int(block[0]) + 1)
	// The block must have no sizes and one filter: LZMA2, with one byte of properties.
	if block[0] == 0 || len(block) < size || block[1] != 0 || block[2] != 0x21 || block[3] != 1 {
		return nil, ErrNoValue
	}
	r, err := lzma.Reader2Config{DictCap: maxValue + 1}.NewReader2(bytes.NewReader(block[size:]))
	if err != nil {
		return nil, ErrNoValue
	}
	return readBounded(r)
}

// WriteSession returns the value of a new session: JSON, or a pickle of protocol 2, which every Python
// can read. The items' values are texts and integers. The value is not compressed: django-redis also reads
// such values (DefaultClient.decode of django_redis/client/default.py, 5.4).
func WriteSession(items []django.SessionItem, asJSON bool) (string, error) {
	if asJSON {
		return Renew("{}", items...)
	}
	return Renew("\x80\x02}.", items...)
}

// Renew returns a session's value with other values for some items. In a pickle it inserts opcodes before
// the end, which set these items.
func Renew(value string, items ...django.SessionItem) (string, error) {
	data, err := unpack([]byte(value))
	if err == nil {
		_, err = ReadSession(string(data))
	}
	if err != nil {
		return "", err
	}
	if text := bytes.Trim(data, " \t\r\n"); text[0] == '{' {
		b := bytes.TrimRight(text[:len(text)-1], " \t\r\n")
		for _, item := range items {
			if len(b) > 1 {
				b = append(b, ',')
			}
			// As in Python, the last of several members with one name counts.
			b = append(append(append(strconv.AppendQuote(b, item.Name), ':'), ' '), item.Value...)
		}
		return string(append(b, '}')), nil
	}
	b := data[: len(data)-1 : len(data)-1]
	for _, item := range items {
		b = appendText(b, item.Name)
		if b, err = appendValue(b, item.Value); err != nil {
			return "", err
		}
		b = append(b, 's') // SETITEM
	}
	b = append(b, '.')
	const header = 2 + 1 + 8 // PROTO, FRAME
	if len(data) > header && data[0] == 0x80 && data[2] == 0x95 {
		if length := binary.LittleEndian.Uint64(data[3:]); length == uint64(len(data)-header) {
			binary.LittleEndian.PutUint64(b[3:], uint64(len(b)-header)) // one frame has all opcodes after the header
		}
	}
	return string(b), nil
}

// appendText appends the opcode BINUNICODE.
func appendText(b []byte, text string) []byte {
	return append(binary.LittleEndian.AppendUint32(append(b, 'X'), uint32(len(text))), text...)
}

// appendValue appends the opcode for a text or an integer in JSON.
func appendValue(b []byte, value []byte) ([]byte, error) {
	if strings.HasPrefix(string(value), `"`) {
		var text string
		err := json.Unmarshal(value, &text)
		return appendText(b, text), err
	}
	n, err := strconv.ParseInt(string(value), 10, 32)
	return binary.LittleEndian.AppendUint32(append(b, 'J'), uint32(int32(n))), err
}
