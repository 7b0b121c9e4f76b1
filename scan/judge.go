package scan

import (
	"context"
	"hash/maphash"
	"slices"
	"sync"
)

const (
	batchSize    = 10_000     // candidates in one look-up
	mostPending  = 200_000    // places of candidates that are not looked up yet
	mostRemember = 10_000_000 // remembered candidates that are not credentials
	mostMatches  = 100_000    // remembered candidates that are credentials
	mostFindings = 1_000_000  // findings that are kept for sorting
)

// judge decides which candidates are credentials. It looks up most candidates only once, because it remembers
// the results by a 64-bit hash.
type judge struct {
	scanner *Scanner
	seed    maphash.Seed

	mu      sync.Mutex
	others  hashSet             // candidates that are not credentials
	known   map[uint64][]*Match // candidates that are credentials
	waiting map[uint64]int32    // the batch's candidates, by hash
	batch   []Candidate
	places  []candidatePlace

	asking sync.Mutex // one batch is looked up at a time

	foundMu  sync.Mutex
	findings []Finding
}

// candidatePlace is the place of a candidate.
type candidatePlace struct {
	candidate int32 // of the batch
	form      Form
	source    *source
	line      int
	column    int
}

func (j *judge) init() {
	j.seed = maphash.MakeSeed()
	j.known = map[uint64][]*Match{}
	j.reset()
}

func (j *judge) reset() (batch []Candidate, places []candidatePlace, waiting map[uint64]int32) {
	batch, places, waiting = j.batch, j.places, j.waiting
	j.batch, j.places, j.waiting = nil, nil, make(map[uint64]int32, batchSize)
	return batch, places, waiting
}

// occurrence is a candidate at a place of a source. Its text is in a memory that many candidates share.
type occurrence struct {
	hash         uint64
	start, end   int
	kinds        Kinds
	form         Form
	line, column int
}

// add adds occurrences in a source. Their texts are in memory.
func (j *judge) add(ctx context.Context, from *source, list []occurrence, memory []byte) error {
	var found []Finding
	j.mu.Lock()
	for _, s := range list {
		if matches, ok := j.known[s.hash]; ok {
			for _, m := range matches {
				found = append(found, Finding{Path: from.path, Line: s.line, Column: s.column, Form: s.form, Match: m, source: from})
			}
			continue
		}
		if j.others.has(s.hash) {
			continue
		}
		i, ok := j.waiting[s.hash]
		if !ok {
			i = int32(len(j.batch))
			j.waiting[s.hash] = i
			j.batch = append(j.batch, Candidate{string(memory[s.start:s.end]), s.kinds})
		}
		j.places = append(j.places, candidatePlace{i, s.form, from, s.line, s.column})
	}
	full := len(j.batch) >= batchSize || len(j.places) >= mostPending
	j.mu.Unlock()
	if err := j.keep(ctx, found); err != nil || !full {
		return err
	}
	return j.ask(ctx, false)
}

// settle looks up all candidates that wait.
func (j *judge) settle(ctx context.Context) error { return j.ask(ctx, true) }

// ask looks up the batch. Unless last is set, it does nothing if another goroutine has done so already.
func (j *judge) ask(ctx context.Context, last bool) error {
	j.asking.Lock()
	defer j.asking.Unlock()
	j.mu.Lock()
	if len(j.batch) == 0 || !last && len(j.batch) < batchSize && len(j.places) < mostPending {
		j.mu.Unlock()
		return nil
	}
	batch, places, waiting := j.reset()
	j.mu.Unlock()
	matches := make([][]*Match, 0, len(batch))
	for part := range slices.Chunk(batch, batchSize) { // a window may have brought many
		list, err := j.scanner.options.Members(ctx, part)
		if err != nil {
			return err
		}
		matches = append(matches, list...)
	}
	j.scanner.Counts.Candidates.Add(int64(len(batch)))
	j.mu.Lock()
	for hash, i := range waiting {
		switch {
		case matches[i] == nil:
			j.others.add(hash)
		case len(j.known) < mostMatches:
			j.known[hash] = matches[i]
		}
	}
	j.mu.Unlock()
	var found []Finding
	for _, p := range places {
		for _, m := range matches[p.candidate] {
			found = append(found, Finding{Path: p.source.path, Line: p.line, Column: p.column, Form: p.form, Match: m, source: p.source})
		}
	}
	return j.keep(ctx, found)
}

// keep collects findings until deliver is called.
func (j *judge) keep(ctx context.Context, found []Finding) error {
	if found == nil {
		return nil
	}
	j.scanner.Counts.Found.Add(int64(len(found)))
	j.foundMu.Lock()
	j.findings = append(j.findings, found...)
	full := len(j.findings) >= mostFindings
	j.foundMu.Unlock()
	if full {
		return j.deliver(ctx)
	}
	return nil
}

// deliver sorts the collected findings and calls Options.Found with them.
func (j *judge) deliver(ctx context.Context) error {
	j.foundMu.Lock()
	defer j.foundMu.Unlock()
	list := j.findings
	j.findings = nil
	if locate := j.scanner.locate; locate != nil {
		var err error
		if list, err = locate(ctx, list); err != nil {
			return err
		}
	}
	if len(list) == 0 {
		return nil
	}
	list = sorted(list)
	if err := j.scanner.hidePaths(ctx, list); err != nil {
		return err
	}
	return j.scanner.options.Found(list)
}

// hashSet is a set of hashes in one slice: open addressing with linear probing.
type hashSet struct {
	slots []uint64 // 0 is empty
	n     int
}

func (h *hashSet) has(hash uint64) bool {
	if h.n == 0 {
		return false
	}
	mask := uint64(len(h.slots) - 1)
	for i := hash & mask; h.slots[i] != 0; i = (i + 1) & mask {
		if h.slots[i] == hash {
			return true
		}
	}
	return false
}

// add adds a hash, unless the set has mostRemember of them.
func (h *hashSet) add(hash uint64) {
	if h.n >= mostRemember || hash == 0 || h.has(hash) {
		return
	}
	if 4*(h.n+1) > 3*len(h.slots) {
		old := h.slots
		h.slots = make([]uint64, max(1024, 2*len(old)))
		h.n = 0
		for _, v := range old {
			if v != 0 {
				h.put(v)
			}
		}
	}
	h.put(hash)
}

func (h *hashSet) put(hash uint64) {
	mask := uint64(len(h.slots) - 1)
	i := hash & mask
	for h.slots[i] != 0 {
		i = (i + 1) & mask
	}
	h.slots[i] = hash
	h.n++
}
