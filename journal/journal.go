// Package journal is the record of changes: a file to which every command that changes rows
// appends an intent before the change, and a settlement after it.
//
// Each line of the file is a JSON object. An entry begins with its intent, which is on the disk
// before anything is delivered or committed, and ends with its settlement. An entry without a
// settlement is open: the process was killed, or could not write. An intent with more than
// [LineIDs] ids has several lines.
//
// Each line contains the hash of the previous line, so [Check] finds lines that were removed,
// changed or moved. The owner of the file can rewrite it as a whole. Only an anchor, a hash that
// is stored elsewhere, shows this.
//
// Package commands decides which changes are recorded, and when.
package journal

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"
)

// Version is the version of the format.
const Version = 1

// LineIDs is the largest number of ids in a line.
const LineIDs = 1000

// The parts of an entry, and the first line of a file after a rotation.
const (
	partIntent  = "intent"
	partMore    = "more" // further ids of the intent
	partSettled = "settled"
	partBegin   = "begin"
)

// Outcomes of an entry. An open entry has none.
const (
	Done      = "done"
	NotDone   = "not done" // the transaction was rolled back
	Unknown   = "unknown"  // the commit was not answered
	Unsettled = "open"
)

// Intent describes the change that a command will make.
type Intent struct {
	User     string   `json:"user"`                // of the operating system
	SudoUser string   `json:"sudo_user,omitempty"` // who called sudo
	Host     string   `json:"host"`
	Context  string   `json:"context,omitempty"`
	Database string   `json:"database"`
	Schema   string   `json:"schema,omitempty"`
	Command  string   `json:"command"` // without secrets
	Kind     string   `json:"kind,omitempty"`
	IDs      []string `json:"ids,omitempty"`
	Count    int      `json:"count"` // of the credentials and users that are changed
	Note     string   `json:"note,omitempty"`
}

// line is a line of the file.
type line struct {
	Version int    `json:"version,omitempty"`
	Part    string `json:"part"`
	Entry   string `json:"entry,omitempty"`
	Time    string `json:"time"`
	Lines   int    `json:"lines,omitempty"` // of the intent, with this one
	*Intent
	MoreIDs  []string `json:"more_ids,omitempty"`
	Outcome  string   `json:"outcome,omitempty"`
	File     string   `json:"file,omitempty"` // begin: the name of the file before
	Open     []string `json:"open,omitempty"` // begin: the entries that are open there
	Previous string   `json:"previous"`       // the hash of the line before
}

// zeroHash is the hash before the first line.
var zeroHash = strings.Repeat("0", 2*sha256.Size)

// hashOf returns the hash of a line without its line end.
func hashOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// parse reads a line. ok is false for a part of a line, which a killed process or a full disk can leave.
func parse(text []byte) (l line, ok bool) {
	if len(text) < 2 || text[0] != '{' || text[len(text)-1] != '}' {
		return l, false
	}
	err := json.Unmarshal(text, &l)
	return l, err == nil && l.Part != "" && len(l.Previous) == len(zeroHash)
}

// appendLines appends lines, each with the hash of the one before, to text. It returns the
// hash of the last one.
func appendLines(text []byte, previous string, lines []line) ([]byte, string, error) {
	for i := range lines {
		lines[i].Previous = previous
		encoded, err := json.Marshal(&lines[i])
		if err != nil {
			return nil, "", err
		}
		previous = hashOf(encoded)
		text = append(append(text, encoded...), '\n')
	}
	return text, previous, nil
}

// intentLines returns the lines of an intent.
func intentLines(id string, now time.Time, in Intent) []line {
	ids := in.IDs
	in.IDs = ids[:min(len(ids), LineIDs)]
	lines := []line{{Version: Version, Part: partIntent, Entry: id, Time: timeText(now), Intent: &in}}
	for ids = ids[len(in.IDs):]; len(ids) > 0; ids = ids[min(len(ids), LineIDs):] {
		lines = append(lines, line{Part: partMore, Entry: id, Time: timeText(now), MoreIDs: ids[:min(len(ids), LineIDs)]})
	}
	lines[0].Lines = len(lines)
	return lines
}

func timeText(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }
