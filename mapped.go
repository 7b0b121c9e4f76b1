package tokenctl

// Mapped returns the results of calling of with each element of a list. They are in the order of the list, and
// the result is not nil.
func Mapped[T, R any](list []T, of func(T) R) []R {
	results := make([]R, len(list))
	for i, v := range list {
		results[i] = of(v)
	}
	return results
}
