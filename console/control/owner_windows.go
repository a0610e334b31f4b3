package control

// checkOwner has nothing to look at: the temporary folder is the user's own.
func checkOwner(string, bool) error { return nil }
