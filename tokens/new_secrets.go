package tokens

import (
	"bufio"
	"io"

	"tokenctl"
)

// newSecrets makes n secrets with the function secret. It reads randomness in large pieces, because each call of
// the operating system takes time.
func newSecrets(n int, random io.Reader, secret func(io.Reader) (tokenctl.Secret, error)) (list []tokenctl.Secret, err error) {
	if n > 1 {
		random = bufio.NewReader(random)
	}
	list = make([]tokenctl.Secret, n)
	for i := range list {
		if list[i], err = secret(random); err != nil {
			return nil, err
		}
	}
	return list, nil
}
