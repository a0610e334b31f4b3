package configs

import "strings"

// hidden stands for a secret wherever a configuration is shown.
const hidden = "(set, hidden)"

// isSecret says whether a setting's value is never shown, not even in a message about it.
func isSecret(key string) bool { return key == "alerts.webhook" || key == "history.url" }

// onlyEnvironment says whether a setting may not be written in a file: files are copied, committed and backed up.
func onlyEnvironment(key string) bool { return isSecret(key) }

const envPrefix = "LODOOR_"

// envName is the environment variable of a setting: journal.max_size is LODOOR_JOURNAL_MAX_SIZE.
func envName(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// envAlias is the shorter name of a setting that has one, or else its only name.
func envAlias(key string) string {
	if key == "alerts.webhook" {
		return "LODOOR_WEBHOOK"
	}
	return envName(key)
}
