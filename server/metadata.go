package server

import (
	"net/http"
	"strings"
)

// metadata answers OPTIONS: SimpleMetadata of rest_framework/metadata.py (3.16.0).
func (v *view) metadata(r *request) (*response, error) {
	var renders []string
	for _, renderer := range v.renderers() {
		renders = append(renders, renderer.mediaType)
	}
	answer := object{
		{"name", v.name},
		{"description", v.description},
		{"renders", renders},
		{"parses", v.mediaTypes()},
	}
	// These views have the same permissions for all methods, so a client that may use OPTIONS may use the
	// other methods too.
	var actions object
	for _, method := range []string{http.MethodPost, http.MethodPut} {
		if v.serializer != nil && v.handlers[method] != nil {
			actions = append(actions, member{method, v.serializer.metadata()})
		}
	}
	if actions != nil {
		answer = append(answer, member{"actions", actions})
	}
	return newResponse(http.StatusOK, answer), nil
}

// metadata is SimpleMetadata.get_serializer_info.
func (s serializer) metadata() object {
	var fields object
	for _, f := range s.fields {
		fields = append(fields, member{f.name, f.metadata()})
	}
	return fields
}

// metadata is SimpleMetadata.get_field_info.
func (f field) metadata() object {
	fieldType := f.fieldType
	if fieldType == "" {
		fieldType = "string"
	}
	label := f.label
	if label == "" {
		label = strings.ReplaceAll(f.name, "_", " ")
		label = strings.ToUpper(label[:1]) + strings.ToLower(label[1:])
	}
	info := object{
		{"type", fieldType},
		{"required", !f.optional && !f.readOnly},
		{"read_only", f.readOnly},
		{"label", label},
	}
	if f.help != "" {
		info = append(info, member{"help_text", f.help})
	}
	if f.maxLength > 0 {
		info = append(info, member{"max_length", f.maxLength})
	}
	return info
}
