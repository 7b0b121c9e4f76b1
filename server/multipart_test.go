package server

import "strings"

// multipartBodies are forms as client libraries, curl and browsers write them.
func multipartBodies() (bodies []body) {
	part := func(headers, content string) string {
		return "--x\r\n" + strings.ReplaceAll(headers, "\n", "\r\n") + "\r\n\r\n" + content + "\r\n"
	}
	field := func(name, content string) string {
		return part(`Content-Disposition: form-data; name="`+name+`"`, content)
	}
	file := func(name, content string) string {
		return part(`Content-Disposition: form-data; name="f"; filename="`+name+`"`+"\nContent-Type: text/plain", content)
	}
	const end = "--x--\r\n"
	for _, contentType := range []string{
		"multipart/form-data; boundary=x", "multipart/form-data", "multipart/form-data; boundary=\"x\"", "multipart/form-data; Boundary=x; charset=utf-8", "multipart/form-data;boundary=x",
	} {
		bodies = append(bodies, body{Type: contentType, Body: field("username", "zo\xc3\xab") + field("b", "") + end})
	}
	for _, text := range []string{
		"", end, field("a", "1") + field("b", "2") + end, field("a", "1") + field("a", "2") + end, field("a", "1") + "--x--", "\r\n" + field("a", "1") + end + "epilogue",
		field("a", "1\r\n") + end, field("a", "1\n") + end, field("a", "\r\n\r\n1") + end, field("zo\xc3\xab", "\xf0\x9f\x98\x80") + end,
		part(`Content-Disposition: form-data; name="a\"b\\"`, "1") + end, part("content-disposition: form-data; name=a", "1") + end, part(`Content-Disposition: form-data; name="a%22b"`, "1") + end,
		part("Content-Disposition: form-data; name*=utf-8''%C3%A4", "1") + end, part("Content-Type: text/plain; charset=utf-8\nContent-Disposition: form-data; name=\"a\"", "1") + end, part("Content-Length: 1\nContent-Disposition: form-data; name=\"a\"", "1") + end,
		part("Content-Disposition: form-data; name=\"a\"\nContent-Transfer-Encoding: base64", "YWxp\r\nY2U=") + end, part("Content-Disposition: form-data; name=\"a\"\nContent-Transfer-Encoding: quoted-printable", "=41") + end,
		part("Content-Disposition: form-data; name=\"a\"\nContent-Transfer-Encoding: binary", "YWxpY2U=") + end,
		file("a.txt", "content") + end, file("", "") + end, file("b\xc3\xab.txt", "") + end, file("a.txt", "1") + field("f", "2") + end, field("f", "2") + file("a.txt", "1") + end,
		field("a", "1") + file("b", "1") + file("c", "2") + end, part("Content-Disposition: form-data; name=\"f\"; filename*=utf-8''%C3%A4", "1") + end,
		strings.Repeat(field("a", "1"), 1000) + end, strings.Repeat(field("a", "1"), 1001) + end, strings.Repeat(file("a", "1"), 100) + end, strings.Repeat(file("a", "1"), 101) + end,
		field("a", strings.Repeat("x", maxUpload-3)) + end, field("a", strings.Repeat("x", maxUpload-2)) + end, file("a", strings.Repeat("x", maxUpload)) + end,
	} {
		bodies = append(bodies, body{Type: "multipart/form-data; boundary=x", Body: text})
	}
	return bodies
}
