package history_test

func feed(dir string) error { return nil }
