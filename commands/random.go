package commands

import "crypto/rand"

// random is crypto/rand, which ends the process rather than return bytes that
// can be guessed.
var random = rand.Reader
