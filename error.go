package tokenctl

import "errors"

// Code names a failure for scripts. The list is closed: a new one is added
// here, documented in the README and given an exit status in commands.
type Code string

// The codes. package commands tells users what each means (codes in errors.go).
const (
	CodeFailed              Code = "failed"
	CodeUsage               Code = "usage"
	CodeSecretInArgument    Code = "secret_in_argument"
	CodeInvalidValue        Code = "invalid_value"
	CodePasswordRejected    Code = "password_rejected"
	CodeColumnsRequired     Code = "columns_required"
	CodeConfigInvalid       Code = "config_invalid"
	CodeConfigUnsafe        Code = "config_unsafe"
	CodeKeyMissing          Code = "key_missing"
	CodeWrongKey            Code = "wrong_key"
	CodeWrongClaims         Code = "wrong_claims"
	CodeKindRequired        Code = "kind_required"
	CodeKindUnsupported     Code = "kind_unsupported"
	CodeAmbiguousID         Code = "ambiguous_id"
	CodeAmbiguousUser       Code = "ambiguous_user"
	CodeNotFound            Code = "not_found"
	CodeUserNotFound        Code = "user_not_found"
	CodeAlreadyExists       Code = "already_exists"
	CodeUserExists          Code = "user_exists"
	CodeTokenExists         Code = "token_exists"
	CodeChanged             Code = "changed"
	CodeDeadlock            Code = "deadlock"
	CodeReferenced          Code = "referenced"
	CodeRowsKept            Code = "rows_kept"
	CodePartlyDone          Code = "partly_done"
	CodeConfirmation        Code = "confirmation_required"
	CodeTableMissing        Code = "table_missing"
	CodeLayoutUnsupported   Code = "layout_unsupported"
	CodeUsernameField       Code = "username_field"
	CodeDatabaseNotEmpty    Code = "database_not_empty"
	CodeDatabaseMissing     Code = "database_missing"
	CodeDatabaseUnreachable Code = "database_unreachable"
	CodeDatabaseRefused     Code = "database_refused"
	CodeDatabaseLocked      Code = "database_locked"
	CodeDatabaseReadOnly    Code = "database_read_only"
	CodeDatabaseFull        Code = "database_full"
	CodeDatabaseError       Code = "database_error"
	CodePermissionDenied    Code = "permission_denied"
	CodeCacheUnreachable    Code = "cache_unreachable"
	CodeCacheDenied         Code = "cache_denied"
	CodeDenylistUnreachable Code = "denylist_unreachable"
	CodeDenylistDenied      Code = "denylist_denied"
	CodeTimeout             Code = "timeout"
	CodeDeliveryFailed      Code = "delivery_failed"
	CodeJournalFailed       Code = "journal_failed"
	CodeOutcomeUnknown      Code = "outcome_unknown"
	CodeInterrupted         Code = "interrupted"
)

// Error is a failure as the user is told about it: what is wrong, and what to
// try. Message and Hint never hold a secret, nor other values of rows than ids and the names
// of users.
type Error struct {
	Code    Code
	Message string
	Hint    string // empty: there is nothing useful to try
	Err     error  // what caused it; for errors.Is, never printed
}

// Error returns the message without the hint.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the code of the first *Error in err's chain, CodeFailed if
// there is none.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeFailed
}
