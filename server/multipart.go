package server

import (
	"bytes"
	"errors"
	"html"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"tokenctl"
	"tokenctl/django"
)

// multipart is MultiPartParser of django/http/multipartparser.py (4.2). It differs
// where a body is longer than the 64 kB that Django reads at once: what a part
// without a name has beyond them is a part of its own there.
type multipart struct {
	charset charset
	headers headerParser
	peers   tokenctl.Peers

	form, files *dict
	fields      int // also what comes before the first boundary and behind the last
	fileCount   int
	size        int // of the fields
}

const (
	maxFiles       = 100  // DATA_UPLOAD_MAX_NUMBER_FILES
	maxPartHeaders = 1024 // MAX_TOTAL_HEADER_SIZE
	maxBoundary    = 201
)

// parseMultipart parses a form; of a name that is given twice, the last value
// counts, and files come after fields.
func parseMultipart(contentType string, t mediaType, body []byte, c charset, peers tokenctl.Peers) (data, error) {
	p := &multipart{charset: c, headers: headersOf(peers), peers: peers, form: &dict{}, files: &dict{}}
	boundary, err := boundaryOf(contentType, t)
	if err != nil {
		return data{}, err
	}
	separator := []byte("--" + boundary)
	file, fileName := "", ""
	for len(body) > 0 {
		var part []byte
		part, body = cutPart(body, separator)
		if fileName != "" {
			// A file is whole once something follows it.
			p.files.set(file, &upload{fileName})
			fileName = ""
		}
		if file, fileName, err = p.part(part); err != nil {
			return data{}, err
		}
	}
	for _, m := range p.files.members {
		p.form.set(m.name, m.value)
	}
	return data{value: p.form, form: true}, nil
}

func multipartError(text string) error {
	return detailed(http.StatusBadRequest, "the multipart form cannot be parsed", "Multipart form parse error - "+text)
}

// boundaryOf is MultiPartParser.__init__.
func boundaryOf(contentType string, t mediaType) (string, error) {
	if !strings.HasPrefix(contentType, "multipart/") {
		return "", multipartError("Invalid Content-Type: " + contentType)
	}
	if strings.IndexFunc(contentType, func(u rune) bool { return u >= utf8.RuneSelf }) >= 0 {
		return "", multipartError("Invalid non-ASCII Content-Type in multipart: " + contentType)
	}
	boundary, given := lookup(t.params, "boundary")
	if !given {
		boundary = "None"
	}
	valid := given && boundary != "" && len(boundary) <= maxBoundary && boundary[len(boundary)-1] != ' ' &&
		strings.IndexFunc(boundary, func(u rune) bool { return u < ' ' || u > '~' }) < 0
	if !valid {
		return "", multipartError("Invalid boundary in multipart: " + boundary)
	}
	return boundary, nil
}

// cutPart is BoundaryIter: what comes before a separator, less its line's end.
func cutPart(body, separator []byte) (part, rest []byte) {
	part, rest, found := bytes.Cut(body, separator)
	if found {
		part = bytes.TrimSuffix(part, []byte{'\n'})
		part = bytes.TrimSuffix(part, []byte{'\r'})
	}
	return part, rest
}

// part reads one part. It returns the names of a file and its field, which is
// there once another part follows.
func (p *multipart) part(part []byte) (field, file string, err error) {
	headers, content, err := p.partHeaders(part)
	if err != nil {
		return "", "", err
	}
	disposition := headers["content-disposition"].params
	fileName, _ := lookup(disposition, "filename")
	isFile := fileName != ""
	if !isFile {
		if p.fields++; p.fields > maxFields+2 {
			return "", "", errFields
		}
	}
	field, ok := lookup(disposition, "name")
	if !ok {
		return "", "", nil
	}
	field = p.charset.replace([]byte(strings.Trim(field, asciiSpace)))
	encoded := strings.TrimSpace(headers["content-transfer-encoding"].value) == "base64"
	if isFile {
		file, err = p.file(fileName, content, encoded)
		return field, file, err
	}
	if left := maxUpload - p.size; len(content) > left {
		content = content[:left]
	}
	p.size += len(content) + utf8.RuneCountInString(field) + len("&=")
	if p.size > maxUpload {
		return "", "", suspicious("the form is larger than DATA_UPLOAD_MAX_MEMORY_SIZE")
	}
	if encoded {
		if decoded, ok := django.DecodeBase64(content); ok {
			content = decoded
		}
	}
	p.form.set(field, p.charset.replace(content))
	return "", "", nil
}

// file returns the name under which a file is kept, "" where it is not.
func (p *multipart) file(name string, content []byte, encoded bool) (string, error) {
	if p.fileCount++; p.fileCount > maxFiles {
		return "", suspicious("more files than DATA_UPLOAD_MAX_NUMBER_FILES")
	}
	if name = p.sanitize(p.charset.replace([]byte(name))); name == "" {
		return "", nil
	}
	if encoded {
		if _, ok := django.DecodeBase64(content); !ok {
			return "", multipartError("Could not decode base64 data.")
		}
	}
	return name, nil
}

// sanitize is MultiPartParser.sanitize_file_name.
func (p *multipart) sanitize(name string) string {
	name = html.UnescapeString(name)
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	if p.peers.Django.AtLeast("4.1") {
		name = strings.Map(func(u rune) rune {
			if !unicode.IsPrint(u) {
				return -1
			}
			return u
		}, name)
	}
	if name == "." || name == ".." {
		return ""
	}
	return name
}

// partHeader is a header of a part: its value and its parameters.
type partHeader struct {
	value  string
	params []parameter
}

// partHeaders is parse_boundary_stream. A part without Content-Disposition is
// passed over.
func (p *multipart) partHeaders(part []byte) (headers map[string]partHeader, content []byte, err error) {
	window := part[:min(len(part), maxPartHeaders)]
	end := bytes.Index(window, []byte("\r\n\r\n"))
	if end < 0 {
		if len(window) == maxPartHeaders && p.peers.Django.AtLeast("5.1") {
			return nil, nil, multipartError("Request max total header size exceeded.")
		}
		return nil, nil, nil
	}
	headers = map[string]partHeader{}
	for line := range strings.SplitSeq(string(part[:end]), "\r\n") {
		if !p.headers.bytes && !utf8.ValidString(line) {
			continue
		}
		main, params, err := p.headers.parse(line)
		if errors.Is(err, errHeader) {
			continue
		} else if err != nil {
			return nil, nil, err
		}
		if name, value, ok := strings.Cut(main, ":"); ok {
			headers[name] = partHeader{value, params}
		}
	}
	return headers, part[end+len("\r\n\r\n"):], nil
}
