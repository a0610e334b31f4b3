package rules

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// leastContainerID is how much of a container's id names it; docker ps shows as much.
const leastContainerID = 12

// runtimes are those of flow.Container.
func runtimes() []string {
	return []string{"docker", "podman", "containerd", "cri-o", "lxc", "kubernetes"}
}

// patterns compiles names that are exact or have one * at the end.
func (k *compiler) patterns(key string, list []string, example string) []pattern {
	given(k, key, list)
	var patterns []pattern
	for i, text := range list {
		p := newPattern(text)
		if text == "" || strings.Contains(p.text, "*") {
			k.problem(fmt.Sprintf("%s[%d]", key, i), "%q: expected %s", text, example)
			continue
		}
		patterns = append(patterns, p)
	}
	return patterns
}

// executables compiles paths; a directory ends with a slash, and stands for all that is below it.
func (k *compiler) executables(list []string) []pattern {
	given(k, "executables", list)
	var patterns []pattern
	for i, text := range list {
		if !isPath(text) {
			k.problem(fmt.Sprintf("executables[%d]", i),
				"%q: expected a whole path such as /usr/bin/psql, or a directory with a slash at the end such as /opt/app/", text)
			continue
		}
		patterns = append(patterns, pattern{text, strings.HasSuffix(text, "/") || strings.HasSuffix(text, `\`)})
	}
	return patterns
}

// isPath says whether text is a path as systems tell it: absolute and without detours.
func isPath(text string) bool {
	if strings.Contains(text, "*") {
		return false
	}
	if regexp.MustCompile(`^[A-Za-z]:\\`).MatchString(text) {
		return true
	}
	clean := path.Clean(text)
	return strings.HasPrefix(text, "/") && (text == clean || text == clean+"/")
}

func (k *compiler) containers(list []string) containers {
	given(k, "containers", list)
	id := regexp.MustCompile(`^[0-9a-f][0-9a-f-]*$`)
	var c containers
	for i, text := range list {
		switch {
		case text == "*":
			c.any = true
		case text == "none":
			c.none = true
		case slices.Contains(runtimes(), text):
			c.runtimes = append(c.runtimes, text)
		case len(text) >= leastContainerID && id.MatchString(text):
			c.ids = append(c.ids, text)
		default:
			k.problem(fmt.Sprintf("containers[%d]", i), "%q: expected at least %d digits of an id, one of %s, * for any container, or none",
				text, leastContainerID, strings.Join(runtimes(), ", "))
		}
	}
	return c
}
