package commands

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
	"time"

	"tokenctl"
)

// settingText is a setting as text; empty where it has no value.
func settingText(v reflect.Value) string {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return ""
		}
		v = v.Elem()
	}
	switch value := v.Interface().(type) {
	case tokenctl.Duration:
		return lengthOrNone(value.Duration)
	case tokenctl.Seconds:
		return lengthOrNone(value.Duration)
	case tokenctl.KnoxTTL:
		if d, ends := value.Duration(); ends {
			return durationText(d)
		}
	case tokenctl.PasswordValidators, tokenctl.ServerURL, bool:
		return fmt.Sprint(value)
	case []string:
		return strings.Join(value, ", ")
	case []tokenctl.AuditIgnore:
		parts := tokenctl.Mapped(value, func(i tokenctl.AuditIgnore) string { return strings.TrimSpace(i.Rule + " " + i.ID) })
		return strings.Join(parts, ", ")
	case []any:
		parts := tokenctl.Mapped(value, func(e any) string { return fmt.Sprint(e) })
		return strings.Join(parts, ", ")
	}
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		text, _ := m.MarshalText() //nolint:errcheck // these never fail
		return string(text)
	}
	if v.IsZero() {
		return ""
	}
	return fmt.Sprint(v.Interface())
}

func lengthOrNone(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return durationText(d)
}

func length(d time.Duration) string { return tomlString(durationText(d)) }

// durationText writes a duration as a person would: "15m", not "15m0s".
func durationText(d time.Duration) string {
	text := tokenctl.Duration{Duration: d}.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// tomlString writes a TOML basic string.
func tomlString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
