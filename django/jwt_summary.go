package django

import (
	"strings"
	"time"

	"tokenctl"
)

// JWTSummary has the fields of a [JWT] that a list shows. Custom reports whether the token has
// [CustomClaims].
type JWTSummary struct {
	Type                     string
	IssuedAt, RefreshExpires time.Time
	Custom                   bool
}

// SummarizeUnverified reads a token's summary without checking its signature. It returns an
// error exactly if [DecodeUnverified] does, and is faster: a list may have a million rows.
func SummarizeUnverified(s tokenctl.JWTSettings, text string) (summary JWTSummary, err error) {
	if err := summarize(s, &summary, text); err != nil {
		return JWTSummary{}, &JWTError{Reason: JWTMalformed}
	}
	return summary, nil
}

func summarize(s tokenctl.JWTSettings, summary *JWTSummary, text string) error {
	header, rest, _ := strings.Cut(text, ".")
	payload, signature, ok := strings.Cut(rest, ".")
	if !ok || len(text) > maxJWT || strings.Contains(signature, ".") {
		return errPySyntax
	}
	data := make([]byte, 0, len(text)) // for the header, then for the payload
	r := new(pyReader)
	var err error
	if r.in, err = appendSegment(data, []byte(header), ""); err != nil {
		return err
	}
	if err := r.object(func([]byte) error { return r.skip() }); err != nil {
		return err
	}
	*r = pyReader{}
	if r.in, err = appendSegment(data, []byte(payload), ""); err != nil {
		return err
	}
	names := s.ClaimNames()
	if err := r.object(func(name []byte) error {
		summary.Custom = summary.Custom || !names.FromSimpleJWT(string(name))
		typ, issued, refresh := string(name) == names.Type, string(name) == "iat", string(name) == names.Refresh
		if !typ && !issued && !refresh {
			return r.skip()
		}
		value, err := r.value()
		if typ {
			summary.Type = pyText(value)
		}
		if issued {
			summary.IssuedAt = claimTime(appendPython(nil, value))
		}
		if refresh {
			summary.RefreshExpires = claimTime(appendPython(nil, value))
		}
		return err
	}); err != nil {
		return err
	}
	_, err = appendSegment(data, []byte(signature), "")
	return err
}
