package server

import (
	"tokenctl"
	"tokenctl/django"
)

// The serializers of the peers' views. They check the form of a body; the views check its values against the
// database.

var (
	// authTokenSerializer is AuthTokenSerializer of rest_framework/authtoken/serializers.py
	// (3.16.0), whose fields keep their names under every USERNAME_FIELD.
	authTokenSerializer = &serializer{fields: []field{{name: "username"}, {name: "password", untrimmed: true}, {name: "token", readOnly: true}}}

	// TokenRefreshSerializer, TokenRefreshSlidingSerializer and TokenVerifySerializer, and
	// TokenBlacklistSerializer of rest_framework_simplejwt/serializers.py (5.5.1).
	tokenRefreshSerializer   = &serializer{fields: []field{{name: "refresh"}, {name: "access", readOnly: true}}}
	tokenSerializer          = &serializer{fields: []field{{name: "token"}}}
	tokenBlacklistSerializer = &serializer{fields: []field{{name: "refresh"}}}

	// passwordChangeSerializer is PasswordChangeSerializer of dj_rest_auth/serializers.py
	// (7.1.1), with OLD_PASSWORD_FIELD_ENABLED off, as it is by default.
	passwordChangeSerializer = &serializer{fields: []field{{name: "new_password1", maxLength: 128}, {name: "new_password2", maxLength: 128}}}
)

// tokenObtainSerializer is TokenObtainSerializer of
// rest_framework_simplejwt/serializers.py (5.5.1), for pairs and sliding tokens.
func tokenObtainSerializer(usernameField string) *serializer {
	return &serializer{fields: []field{{name: usernameField}, {name: "password"}}}
}

// loginSerializer is LoginSerializer of dj_rest_auth/serializers.py (7.1.1), on a
// release of Django.
func loginSerializer(release tokenctl.Version) *serializer {
	return &serializer{fields: []field{
		{name: "username", optional: true, allowBlank: true},
		{name: "email", fieldType: emailType, release: release, optional: true, allowBlank: true},
		{name: "password"},
	}}
}

// userDetailsSerializer is UserDetailsSerializer of the same file for Django's own user model: a
// ModelSerializer takes labels and limits from the model. taken reports whether another user has a name.
func userDetailsSerializer(taken func(name string) bool) *serializer {
	return &serializer{fields: []field{
		{name: "pk", fieldType: "integer", label: "ID", readOnly: true},
		{name: "username", maxLength: 150,
			help: "Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.",
			checks: []func(string) string{usernameFault, func(name string) string {
				if taken(name) {
					return "A user with that username already exists."
				}
				return ""
			}}},
		{name: "email", fieldType: emailType, label: "Email address", readOnly: true},
		{name: "first_name", optional: true, allowBlank: true, maxLength: 150},
		{name: "last_name", optional: true, allowBlank: true, maxLength: 150},
	}}
}

// usernameFault is UnicodeUsernameValidator.
func usernameFault(name string) string {
	if err := django.CheckUsername(name); err != nil {
		return err.Error()
	}
	return ""
}
