package tokens

// orForce adds to a hint that --force goes on all the same, where the command has it.
func (e *Env) orForce(hint string) string {
	if !e.Forces {
		return hint
	}
	return hint + "; --force goes on all the same"
}
