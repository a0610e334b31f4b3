package configs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// systemDir is where the configuration of the whole machine is.
const systemDir = "/etc/lodoor"

// UserDir is where a person's own configuration is: $XDG_CONFIG_HOME/lodoor, or ~/.config/lodoor. It is empty when
// environ, in the form of os.Environ, says neither.
func UserDir(environ []string) string {
	vars := variables(environ)
	if dir := vars["XDG_CONFIG_HOME"]; filepath.IsAbs(dir) { // the XDG specification ignores relative ones
		return filepath.Join(dir, "lodoor")
	}
	if home := vars["HOME"]; home != "" {
		return filepath.Join(home, ".config", "lodoor")
	}
	return ""
}

// source is a configuration file that was read.
type source struct {
	name     string
	data     []byte
	warnings []string
}

// search reads the first configuration file that there is: the one that was named, by flag or by LODOOR_CONFIG, or one
// of the usual ones. The current folder is not among them: a repository that somebody cloned must not configure
// lodoor. A file that was named must exist; that there is no other is an empty source.
func search(named string, environ []string, system string) (source, *Problem) {
	if named != "" {
		return read(named, "")
	}
	if named = variables(environ)[envFile]; named != "" {
		return read(named, envFile)
	}
	for _, dir := range []string{UserDir(environ), system} {
		if dir == "" {
			continue
		}
		if found := candidates(dir); len(found) > 0 {
			s, problem := read(found[0], "")
			for _, other := range found[1:] {
				s.warnings = append(s.warnings, fmt.Sprintf("%s is not read, since %s is there too", other, found[0]))
			}
			return s, problem
		}
	}
	return source{}, nil
}

// candidates are the configuration files in a folder, also those that cannot be read: that is an error, not absence.
func candidates(dir string) []string {
	var found []string
	for _, ending := range []string{"yaml", "yml", "toml", "json"} {
		name := filepath.Join(dir, "lodoor."+ending)
		if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			found = append(found, name)
		}
	}
	return found
}

// read reads a file; namedBy is what named it, when that is not plain to see.
func read(name, namedBy string) (source, *Problem) {
	data, warnings, err := readFile(name)
	if err == nil {
		return source{name, data, warnings}, nil
	}
	text := "the configuration file cannot be read: " + bare(err).Error()
	if namedBy != "" {
		text += "; " + namedBy + " names it"
	}
	return source{name: name}, &Problem{File: name, Text: text}
}

func readFile(name string) (data []byte, warnings []string, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if info.Mode().IsRegular() && info.Mode().Perm()&0o022 != 0 && runtime.GOOS != "windows" {
		warnings = append(warnings, fmt.Sprintf(
			"%s can be written by others (mode %04o), who could let themselves in: chmod go-w it", name, info.Mode().Perm()))
	}
	data, err = io.ReadAll(io.LimitReader(f, maxFile+1))
	return data, warnings, err
}

// bare is an error without the path that the message has anyway.
func bare(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
