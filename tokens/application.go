package tokens

// orForce adds to hint that --force continues anyway, if the command has that flag.
func (e *Env) orForce(hint string) string {
	if !e.Forces {
		return hint
	}
	return hint + "; --force goes on all the same"
}
