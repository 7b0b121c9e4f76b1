package django

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"encoding/binary"
	"hash/adler32"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// compareInflate holds the inflater against compress/zlib: same verdict, same data.
func compareInflate(t *testing.T, z *inflater, stream []byte) {
	t.Helper()
	var want []byte
	r, err := zlib.NewReader(bytes.NewReader(stream))
	if err == nil {
		want, err = io.ReadAll(io.LimitReader(r, maxSignedPayload+1))
	}
	got, ok := z.inflate(nil, stream)
	if sound := err == nil && len(want) <= maxSignedPayload; ok != sound || ok && !bytes.Equal(got, want) {
		t.Fatalf("%x: %v, %d bytes; compress/zlib: %v, %d bytes", stream[:min(len(stream), 500)], ok, len(got), err, len(want))
	}
}

// compareBlocks compares blocks that may end anywhere, with the sum of what
// compress/flate makes of them behind. It reports whether they were sound.
func compareBlocks(t *testing.T, z *inflater, blocks []byte) bool {
	t.Helper()
	in := bytes.NewReader(blocks)
	data, err := io.ReadAll(io.LimitReader(flate.NewReader(in), maxSignedPayload+1))
	stream := append([]byte{0x78, 0x9c}, blocks[:len(blocks)-in.Len()]...)
	compareInflate(t, z, binary.BigEndian.AppendUint32(stream, adler32.Checksum(data)))
	return err == nil && len(data) <= maxSignedPayload
}

// streams are zlib's of all kinds of blocks.
func streams(t testing.TB) (list [][]byte) {
	for _, data := range []string{"", "a", strings.Repeat("a", 300), strings.Repeat("abc", 30_000), `{"_auth_user_id":"1","cart":[1,2,3]}`, string(noise(70_000)), strings.Repeat(string(noise(400)), 4),
		string(noise(500)) + strings.Repeat(string(noise(500)), 100), strings.Repeat("\x00\xff", maxSignedPayload/2), strings.Repeat("x", maxSignedPayload+1)} {
		for _, level := range []int{zlib.DefaultCompression, zlib.NoCompression, zlib.BestSpeed, zlib.BestCompression, zlib.HuffmanOnly} {
			var out bytes.Buffer
			w, err := zlib.NewWriterLevel(&out, level)
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(w, data[:len(data)/2]) //nolint:errcheck // a buffer takes everything
			w.Flush()
			io.WriteString(w, data[len(data)/2:]) //nolint:errcheck // as above
			w.Close()
			list = append(list, out.Bytes())
		}
	}
	return list
}

func TestInflate(t *testing.T) {
	z := new(inflater)
	random := rand.New(rand.NewPCG(1, 2))
	sound := 0
	for _, stream := range streams(t) {
		compareInflate(t, z, stream)
		compareInflate(t, z, append(bytes.Clone(stream), "behind it"...))
		if data, ok := z.inflate(nil, stream); !ok || len(data) > 2000 {
			continue
		}
		for n := range min(len(stream), 500) {
			compareInflate(t, z, stream[:n])
		}
		for range 300 {
			broken := bytes.Clone(stream)
			for range 1 + random.IntN(3) {
				// Where the codes stand, most of the time.
				broken[2+random.IntN(min(len(broken)-2, 1+random.IntN(100)))] ^= 1 << random.IntN(8)
			}
			compareInflate(t, z, broken)
			if compareBlocks(t, z, broken[2:]) {
				sound++
			}
		}
	}
	for range 5000 {
		blocks := make([]byte, 1+random.IntN(60))
		for i := range blocks {
			blocks[i] = byte(random.Uint32())
		}
		compareBlocks(t, z, blocks)
	}
	for head := 0; head < 1<<16; head += 13 {
		compareInflate(t, z, append(binary.BigEndian.AppendUint16(nil, uint16(head)), 0x03, 0, 0, 0, 0, 1))
	}
	if sound < 500 {
		t.Errorf("of the broken streams only %d were sound after all", sound)
	}
}

func FuzzInflate(f *testing.F) {
	for _, stream := range streams(f) {
		if len(stream) < 5000 {
			f.Add(stream)
		}
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		z := new(inflater)
		compareInflate(t, z, stream)
		compareBlocks(t, z, stream[min(len(stream), 2):])
	})
}
