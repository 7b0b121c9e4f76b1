package server

import "strings"

// multipartBodies are forms with parts of every kind, right and wrong.
func multipartBodies() (bodies []body) {
	const boundary = "multipart/form-data; boundary=x"
	part := func(headers, content string) string {
		return "--x\r\n" + strings.ReplaceAll(headers, "\n", "\r\n") + "\r\n\r\n" + content + "\r\n"
	}
	field := func(name, content string) string {
		return part(`Content-Disposition: form-data; name="`+name+`"`, content)
	}
	file := func(name, content string) string {
		return part(`Content-Disposition: form-data; name="f"; filename="`+name+`"`+"\nContent-Type: text/plain", content)
	}
	end := "--x--\r\n"
	for _, contentType := range []string{
		"multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=\"x\"", "Multipart/Form-Data; boundary=x",
		"multipart/form-data; boundary=\"x \"", "multipart/form-data; boundary=\"x\ty\"", "multipart/form-data; boundary=" + strings.Repeat("x", 201),
		"multipart/form-data; boundary=" + strings.Repeat("x", 202), "multipart/form-data; boundary=\xe9", "multipart/form-data; boundary=x; a=\xe9",
		"multipart/form-data; Boundary=x; charset=latin-1", "multipart/form-data; boundary*=utf-8''x", "multipart/form-data; boundary=y", "*/form-data; boundary=x",
	} {
		bodies = append(bodies, body{Type: contentType, Body: field("username", "zo\xc3\xab") + field("b", "\xff") + end})
	}
	for _, text := range []string{
		field("a", "1") + field("b", "2") + end, field("a", "1") + field("a", "2") + end, field("a", "") + end, field("a", "1"), field("a", "1") + "--x", end, "--x", "x", "", "\r\n",
		"preamble\r\n" + field("a", "1") + end + "epilogue", field("a", "1\r\n") + end, field("a", "1\n") + end, field("a", "\r\n\r\n1") + end, field(" a ", "1") + end, field("", "1") + end,
		field("zo\xc3\xab", "\xc3\xab\xed\xa0\x80\xf0\x9f") + end, field("\xff", "1") + end, strings.ReplaceAll(field("a", "1")+end, "\r\n", "\n"),
		part("content-disposition: form-data; NAME=a", "1") + end, part("Content-Disposition:form-data;name=a", "1") + end, part("Content-Disposition : form-data; name=a", "1") + end,
		part("Content-Disposition: form-data", "1") + end, part("Content-Disposition", "1") + end, part("X: y", "1") + end, part("", "1") + end, part("Content-Disposition: form-data; name", "1") + end,
		part("X: y\nContent-Disposition: form-data; name=a\nContent-Disposition: form-data; name=b", "1") + end, part(" Content-Disposition: form-data; name=a", "1") + end,
		part("Content-Disposition: form-data; name=\"a\\\"b\\\\\"", "1") + end, part("Content-Disposition: form-data; name*=utf-8''%C3%A4", "1") + end, part("Content-Disposition: form-data; name*=latin-1''%E4", "1") + end,
		part("Content-Disposition: form-data; name*=nonsense''%E4", "1") + end, part("Content-Disposition: form-data; name*='a", "1") + end, part("C\xe9: x\nContent-Disposition: form-data; name=a; x=\xe9", "1") + end,
		part("Content-Disposition: form-data; name=a\nContent-Transfer-Encoding: base64", "YWxp Y2U=") + end, part("Content-Disposition: form-data; name=a\nContent-Transfer-Encoding: BASE64 ", "YWxpY2U") + end,
		part("Content-Disposition: form-data; name=a\nContent-Transfer-Encoding: base64", "Y!W=xpY2U=trailing") + end, part("Content-Disposition: form-data; name=a\nContent-Transfer-Encoding: base64", "Y") + end, part("Content-Disposition: form-data; name=a\nContent-Transfer-Encoding: base64", "YQ") + end,
		part("Content-Disposition: form-data; name=a\nContent-Transfer-Encoding: base64", "YQ=YQ==") + end, part("Content-Disposition: form-data; name=a\nContent-Transfer-Encoding: quoted-printable", "=41") + end,
		file("a.txt", "content") + end, file("", "content") + end, file(" ", "content") + end, file(".", "content") + end, file("a/b\\c.txt", "content") + end, file("&amp;.txt", "") + end, file("a.txt", "content"), file("a.txt", "content") + "--x",
		file("a.txt", "1") + field("f", "2") + end, field("f", "2") + file("a.txt", "1") + end, field("a", "1") + file("b", "1") + file("c", "2") + end, file("zo\xc3\xab", "1") + end, file("\xff", "1") + end, file("a\x01b", "1") + end,
		part("Content-Disposition: form-data; name=f; filename=a\nContent-Transfer-Encoding: base64", "YWxpY2U=") + end, part("Content-Disposition: form-data; name=f; filename=a\nContent-Transfer-Encoding: base64", "YWxpY2U") + end,
		part("Content-Disposition: form-data; filename=a", "1") + end, part("Content-Disposition: form-data; name=f; filename*=utf-8''%41", "1") + end,
		part("Content-Disposition: form-data; name=a\nX: "+strings.Repeat("y", 900), "1") + end, part("Content-Disposition: form-data; name=a\nX: "+strings.Repeat("y", 1100), "1") + end, strings.Repeat("y", 1024) + field("a", "1") + end,
		strings.Repeat("y", 1023) + field("a", "1") + end, strings.Repeat(field("a", "1"), 1000) + end, strings.Repeat(field("a", "1"), 1001) + end, strings.Repeat(file("a", "1"), 100) + end, strings.Repeat(file("a", "1"), 101) + end,
		field("a", strings.Repeat("x", maxUpload-3)) + end, field("a", strings.Repeat("x", maxUpload-2)) + end, file("a", strings.Repeat("x", maxUpload)) + end,
	} {
		bodies = append(bodies, body{Type: boundary, Body: text})
	}
	return bodies
}
