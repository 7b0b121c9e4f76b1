// Package completions holds the shell completions that packages install. They
// are what tokenctl completion prints; a test keeps them current.
//
// It has no code of its own: what is completed is in package commands (completion.go).
package completions

//go:generate sh -c "go run ../cmd/tokenctl completion bash >tokenctl.bash"
//go:generate sh -c "go run ../cmd/tokenctl completion zsh >_tokenctl"
//go:generate sh -c "go run ../cmd/tokenctl completion fish >tokenctl.fish"
//go:generate sh -c "go run ../cmd/tokenctl completion powershell >tokenctl.ps1"
