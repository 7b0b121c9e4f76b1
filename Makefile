# make test is the one command that runs everything: see .ci/test.

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK = golang.org/x/vuln/cmd/govulncheck@v1.9.0

# Tests, linters and packages compile alike, so that each package of a module is compiled once.
export CGO_ENABLED = 0
export GOFLAGS := $(strip $(GOFLAGS) -trimpath)

.PHONY: build test lint fmt vet staticcheck vulncheck generate completions packages bench million

build:
	go build -o tokenctl ./cmd/tokenctl

# PKG=./db/... runs a part.
test:
	@.ci/test $(PKG)

lint: fmt vet staticcheck vulncheck

fmt:
	@files=$$(gofmt -l .) && if [ -n "$$files" ]; then echo "not gofmt'ed:" $$files; exit 1; fi

vet:
	go vet ./... ./.ci/report

staticcheck:
	go run $(STATICCHECK) ./... ./.ci/report

vulncheck:
	@.ci/vulncheck $(GOVULNCHECK)

generate:
	go generate ./...

# The shell completions that packages install; a test checks that they are current.
completions:
	go generate ./completions

# Binaries for Linux and macOS, deb, rpm, checksums and SBOM, into dist: see packages/build.
packages:
	packages/build dist

# The hot functions.
bench:
	go test -run '^$$' -bench . ./output ./django ./tokens

# Whole processes against psql, sqlite3 and Django: see bench/README.md. A million
# rows take an hour and some 10 GB in TMPDIR.
ROWS = 10000
million:
	go test ./bench -run '^$$' -bench 'Start|Small|Million' -benchtime 3x -timeout 0 -rows $(ROWS) -write
