package server

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"tokenctl"
	"tokenctl/db/dbtest"
	"tokenctl/django"
	"tokenctl/django/djangotest"
)

// What the tests of bodies ask the real Django REST Framework: a request is put
// together from its Content-Type and body, and what a piece of the framework makes of
// it is shown as one line, an exception as the answer it becomes.
const peerBodies = `
import base64, io, json
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.core.files.uploadedfile import UploadedFile
from django.core.handlers.wsgi import WSGIRequest
from django.http import QueryDict, Http404
from rest_framework import exceptions
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer
from rest_framework.request import Request

classes = {p.media_type: p for p in (FormParser, JSONParser, MultiPartParser)}

def made(content_type="", body=b"", query="", parsers=(), **headers):
    return Request(WSGIRequest({
        "REQUEST_METHOD": "POST", "PATH_INFO": "/", "SERVER_NAME": "localhost", "SERVER_PORT": "80", "QUERY_STRING": query,
        "CONTENT_TYPE": content_type, "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body), **headers,
    }), parsers=[classes[name]() for name in parsers])

def not_found():
    raise exceptions.NotFound()

def plain(value):
    if isinstance(value, UploadedFile):
        return {"file": value.name}
    if isinstance(value, dict):
        return {name: plain(value[name]) for name in value} # a QueryDict's items are lists
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value

def shown(function, *args):
    try:
        return json.dumps(plain(function(*args)))
    except exceptions.APIException as e:
        detail = e.detail if isinstance(e.detail, (list, dict)) else {"detail": e.detail}
        return "%d %s" % (e.status_code, JSONRenderer().render(detail).decode())
    except (SuspiciousOperation, BadRequest):
        return "400"
    except Http404:
        return shown(not_found)
    except Exception:
        return "500"
`

// eachPeer runs f for every age, with a project and what the package calls its
// versions.
func eachPeer(t *testing.T, f func(t *testing.T, pr *djangotest.Project, peers tokenctl.Peers)) {
	djangotest.Each(t, func(t *testing.T, p djangotest.Peer) {
		t.Parallel()
		pr, _ := dbtest.Migrated(t, p, "sqlite", djangotest.Options{})
		f(t, pr, tokenctl.Peers{Django: tokenctl.Version(p.Django), DRF: tokenctl.Version(p.DjangoRESTFramework), SimpleJWT: tokenctl.Version(p.SimpleJWT)})
	})
}

// shown is what peerBodies shows of a result.
func shown(value any, err error) string {
	var refusal *apiError
	var page *djangoError
	switch {
	case errors.As(err, &refusal):
		body, err := renderJSON(refusal.body, 0)
		if err != nil {
			return "500"
		}
		return fmt.Sprintf("%d %s", refusal.status, body)
	case errors.As(err, &page):
		return strconv.Itoa(page.status)
	case err != nil:
		return err.Error()
	}
	return dumps(value)
}

// dumps is Python's json.dumps.
func dumps(value any) string {
	switch v := value.(type) {
	case string:
		return dumpsText(v)
	case pyInt:
		return string(v)
	case float64:
		if math.IsInf(v, 0) {
			return strings.TrimPrefix(strings.Replace(fmt.Sprint(v), "Inf", "Infinity", 1), "+")
		}
		return string(django.AppendPythonFloat(nil, v))
	case []string:
		var items []any
		for _, item := range v {
			items = append(items, item)
		}
		return dumps(items)
	case []any:
		var items []string
		for _, item := range v {
			items = append(items, dumps(item))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case object:
		var items []string
		for _, m := range v {
			items = append(items, dumpsText(m.name)+": "+dumps(m.value))
		}
		return "{" + strings.Join(items, ", ") + "}"
	case dict:
		var members object
		for _, m := range v {
			members = append(members, member{m.Name, m.Value})
		}
		return dumps(members)
	case *upload:
		return dumps(object{{"file", v.name}})
	}
	text, err := json.Marshal(value) // null, true, 1
	if err != nil {
		panic(err)
	}
	return string(text)
}

func dumpsText(s string) string {
	out := []byte{'"'}
	for s != "" {
		u, n := django.DecodePythonRune(s)
		surrogate := utf16.IsSurrogate(u)
		if i := strings.IndexRune("\"\\\b\f\n\r\t", u); i >= 0 && !surrogate {
			out = append(out, '\\', "\"\\bfnrt"[i])
		} else if ' ' <= u && u <= '~' {
			out = append(out, byte(u))
		} else if high, low := utf16.EncodeRune(u); high != utf8.RuneError {
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		} else {
			out = fmt.Appendf(out, `\u%04x`, u)
		}
		s = s[n:]
	}
	return string(append(out, '"'))
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
