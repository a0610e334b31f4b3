package procfs

// hidden stands where something was taken out.
const hidden = "***"

// redact hides all arguments but the first.
func redact(_ string, args []string) []string {
	if len(args) < 2 {
		return args
	}
	return []string{args[0], hidden}
}
