package tokenctl

import (
	"fmt"
)

// newestPeers are the newest releases whose behaviour tokenctl knows.
var newestPeers = map[string]Version{"django": "6.1", "drf": "3.18", "simplejwt": "5.5.1", "pyjwt": "2.15.1", "knox": "5.0.2", "corsheaders": "4.9"}

// releaseText is what PEP 440 calls a release, with the suffixes that packages have.
var releaseText = Lazily(`^\d{1,4}(\.\d{1,8}){0,4}((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?(\+[0-9A-Za-z.]+)?$`)

// CheckPeer checks a release of one of the application's packages. A release that
// is newer than the newest known one, by one major number at most, is taken for that;
// note says so then.
func CheckPeer(name string, v Version) (taken Version, note string, err error) {
	newest := newestPeers[name]
	major, minor, _ := v.MajorMinor()
	newestMajor, newestMinor, _ := newest.MajorMinor()
	zero := Version("0.0.0.0.0.0.1")
	switch {
	case !releaseText().MatchString(string(v)) || !v.AtLeast(zero):
		return v, "", &Error{Code: CodeConfigInvalid, Message: "the release of " + name + " is not one, such as " + string(newest),
			Hint: "leave it out for the newest that tokenctl knows, " + string(newest)}
	case major > newestMajor+1:
		return v, "", &Error{Code: CodeConfigInvalid, Message: fmt.Sprintf("there is no release %s of %s that tokenctl knows", v, name),
			Hint: "the newest that it knows is " + string(newest)}
	case major > newestMajor || major == newestMajor && minor > newestMinor:
		return newest, fmt.Sprintf("%s %s is taken for %s, the newest release that tokenctl knows", name, v, newest), nil
	}
	return v, "", nil
}

// fields are the peers by name.
func (p *Peers) fields() map[string]*Version {
	return map[string]*Version{"django": &p.Django, "drf": &p.DRF, "simplejwt": &p.SimpleJWT, "pyjwt": &p.PyJWT, "knox": &p.Knox, "corsheaders": &p.CORSHeaders}
}

// Validate returns a [CodeConfigInvalid] error for what is no release.
func (p Peers) Validate() error {
	_, _, err := p.Known()
	return err
}

// Known are the peers with the newest known release for a newer one, and what to say
// about these.
func (p Peers) Known() (Peers, []string, error) {
	var notes []string
	fields := p.fields()
	for _, name := range PeerNames {
		v := fields[name]
		if *v == "" {
			continue
		}
		taken, note, err := CheckPeer(name, *v)
		if err != nil {
			return p, nil, err
		}
		if *v = taken; note != "" {
			notes = append(notes, note)
		}
	}
	return p, notes, nil
}

// Set sets the release of a peer; ok is false where there is none of that name.
func (p *Peers) Set(name string, v Version) (ok bool) {
	field := p.fields()[name]
	if field != nil {
		*field = v
	}
	return field != nil
}

// PeerNames are the packages that have a release in [Peers].
var PeerNames = []string{"django", "drf", "simplejwt", "pyjwt", "knox", "corsheaders"}
