package server

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
)

// maxFiles is DATA_UPLOAD_MAX_NUMBER_FILES.
const maxFiles = 100

// parseMultipart is MultiPartParser of django/http/multipartparser.py (4.2), with the
// standard library's reader of parts. If several values have one name, the last one counts;
// a file takes precedence over a field.
func parseMultipart(body []byte, boundary string) (parsedBody, error) {
	if boundary == "" {
		return parsedBody{}, multipartError("Invalid boundary in multipart: None")
	}
	var values, files dict
	fields, uploads, size := 0, 0, 0
	for reader := multipart.NewReader(bytes.NewReader(body), boundary); ; {
		part, err := reader.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return parsedBody{}, multipartError("the parts cannot be read")
		}
		name, file := part.FormName(), part.FileName()
		if file != "" && name != "" {
			if uploads++; uploads > maxFiles {
				return parsedBody{}, suspicious("more files than DATA_UPLOAD_MAX_NUMBER_FILES")
			}
			files.Set(name, &upload{file})
			continue
		}
		if fields++; fields > maxFields {
			return parsedBody{}, errFields
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return parsedBody{}, multipartError("the parts cannot be read")
		}
		if size += len(content) + len(name) + len("&="); size > maxUpload {
			return parsedBody{}, suspicious("the form is larger than DATA_UPLOAD_MAX_MEMORY_SIZE")
		}
		if part.Header.Get("Content-Transfer-Encoding") == "base64" {
			if decoded, err := base64.StdEncoding.DecodeString(string(content)); err == nil {
				content = decoded
			}
		}
		if name != "" {
			values.Set(name, strings.ToValidUTF8(string(content), "\uFFFD"))
		}
	}
	for _, m := range files {
		values.Set(m.Name, m.Value)
	}
	return parsedBody{value: values, isForm: true}, nil
}

func multipartError(text string) error {
	return detailed(http.StatusBadRequest, "the multipart form cannot be parsed", "Multipart form parse error - "+text)
}
