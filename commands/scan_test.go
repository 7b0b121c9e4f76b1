package commands

import (
	"testing"
	"time"

	"tokenctl/scan"
)

func TestScanProgress(t *testing.T) {
	var c scan.Counts
	c.Bytes.Store(3 << 30)
	c.Candidates.Store(1234)
	c.Found.Store(5)
	if got := scanProgress(&c, 6*time.Second); got != "3.0 GiB, 512 MiB/s, 1234 candidates, 5 found" {
		t.Error(got)
	}
	if got := scanProgress(new(scan.Counts), 0); got != "0 B, 0 B/s, 0 candidates, 0 found" {
		t.Error(got)
	}
}

func TestScanSize(t *testing.T) {
	for text, want := range map[string]int64{"": 0, "100": 100, "5K": 5 << 10, "50M": 50 << 20, "2GiB": 2 << 30, "1TB": 1 << 40} {
		if got, err := (&scanOptions{maxSize: text}).size(); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"K", "0", "-1", "5 M", "1.5G", "5P", "99999999999"} {
		if got, err := (&scanOptions{maxSize: text}).size(); err == nil {
			t.Errorf("%q: %d", text, got)
		}
	}
}
