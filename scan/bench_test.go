package scan

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"tokenctl"
)

// benchTexts are texts of 16 MiB, as they occur.
func benchTexts() map[string][]byte {
	const size = 16 << 20
	random := rand.New(rand.NewPCG(1, 2))
	words := strings.Fields("the quick brown fox jumps over lazy dog return if err nil func string context response request handler user account token value index length result")
	fill := func(write func(*bytes.Buffer)) []byte {
		var b bytes.Buffer
		for b.Len() < size {
			write(&b)
		}
		return b.Bytes()[:size]
	}
	hex := func(n int) string {
		b := make([]byte, n/2)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return fmt.Sprintf("%x", b)
	}
	return map[string][]byte{
		"prose": fill(func(b *bytes.Buffer) {
			for range 10 {
				b.WriteString(words[random.IntN(len(words))] + " ")
			}
			b.WriteString("\n")
		}),
		"code": fill(func(b *bytes.Buffer) {
			fmt.Fprintf(b, "\tif %s := self.%s_%s(%q, %d); %s != nil {\n\t\treturn %s.%s\n\t}\n", words[random.IntN(20)], words[random.IntN(20)], words[random.IntN(20)],
				words[random.IntN(20)], random.IntN(1000), words[random.IntN(20)], words[random.IntN(20)], words[random.IntN(20)])
		}),
		"log": fill(func(b *bytes.Buffer) {
			fmt.Fprintf(b, "2026-11-28T12:%02d:%02d.%06dZ INFO django.request 10.0.%d.%d \"GET /api/v1/orders/%d/?page=%d HTTP/1.1\" 200 %d request_id=%s\n", random.IntN(60), random.IntN(60),
				random.IntN(1e6), random.IntN(255), random.IntN(255), random.IntN(1e6), random.IntN(100), random.IntN(1e5), hex(32))
		}),
		"hashes": fill(func(b *bytes.Buffer) { b.WriteString(hex(64) + "\n") }),
		"base64": fill(func(b *bytes.Buffer) {
			raw := make([]byte, 57)
			for i := range raw {
				raw[i] = byte(random.Uint32())
			}
			b.WriteString(base64.StdEncoding.EncodeToString(raw) + "\n")
		}),
		"binary": fill(func(b *bytes.Buffer) {
			for range 64 {
				if random.IntN(3) == 0 {
					b.WriteByte(0)
				} else {
					b.WriteByte(byte(random.Uint32()))
				}
			}
		}),
		"zeros": make([]byte, size),
	}
}

// threadTime is how long this thread had a processor.
func threadTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	const thread = 1 // RUSAGE_THREAD
	if err := syscall.Getrusage(thread, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkFinder is the throughput of one core, without looking anything up.
func BenchmarkFinder(b *testing.B) {
	for name, text := range benchTexts() {
		b.Run(name, func(b *testing.B) {
			s := New(Options{Shapes: NewShapes(new(tokenctl.Settings)), Members: func(_ context.Context, list []Candidate) ([][]*Match, error) { return make([][]*Match, len(list)), nil },
				Found: func([]Finding) error { return nil }, Unread: func(string, string) {}})
			r := s.newSearcher()
			b.SetBytes(int64(len(text)))
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			before := threadTime(b)
			for b.Loop() {
				if err := r.read(b.Context(), &source{path: name}, nil, bytes.NewReader(text)); err != nil {
					b.Fatal(err)
				}
			}
			// The machine may have other work: what counts is the time of the processor.
			b.ReportMetric(float64(len(text))*float64(b.N)/(1<<20)/(threadTime(b)-before).Seconds(), "MiB/cpu-s")
			b.ReportMetric(float64(s.Counts.Candidates.Load())/float64(b.N), "candidates/op")
		})
	}
}
