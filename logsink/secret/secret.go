// Package secret reads what a configuration names but must not contain: passwords, tokens and URLs that are as good as
// one. Nothing here prints what it has read.
package secret

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

const (
	// Credential is the prefix of a name that systemd resolves: LoadCredential= and SetCredential= in systemd.exec(5)
	// put the file into $CREDENTIALS_DIRECTORY.
	Credential = "credential:" //nolint:gosec // G101: a prefix, no secret
	maxLine    = 16 << 10
	anybody    = 0o044
)

// Path is the file that a setting names: a path as it is, "credential:NAME" as the file of that name in
// $CREDENTIALS_DIRECTORY.
func Path(setting string) (string, error) {
	name, is := strings.CutPrefix(setting, Credential)
	if !is {
		return setting, nil
	}
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	switch {
	case dir == "":
		return "", fmt.Errorf("%s: CREDENTIALS_DIRECTORY is not set: expected LoadCredential=%s:FILE in the systemd unit",
			setting, name)
	case name == "" || name != filepath.Base(name) || name == "." || name == "..":
		return "", fmt.Errorf("%s: expected the name of a credential, without a slash", setting)
	}
	return filepath.Join(dir, name), nil
}

// Line is the first line of the file that a setting names, without the space around it. It is read at each call, so
// that a secret can be changed. The warning, empty when there is none, says that others can read the file.
func Line(setting string) (text, warning string, err error) {
	path, err := Path(setting)
	if err != nil {
		return "", "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", "", err
	}
	defer f.Close()
	if warning, err = open(f, setting); err != nil {
		return "", "", err
	}
	line, err := bufio.NewReader(io.LimitReader(f, maxLine)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", "", err
	}
	if text = strings.TrimSpace(line); text == "" {
		return "", "", fmt.Errorf("%s: the first line is empty", setting)
	}
	return text, warning, nil
}

// Warning says that others can read the file that a setting names; empty when they cannot.
func Warning(setting string) (string, error) {
	path, err := Path(setting)
	if err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return open(f, setting)
}

// open warns of a file that is open to others. What systemd hands over is not, whatever its mode says.
func open(f *os.File, setting string) (warning string, err error) {
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	mode := info.Mode()
	if runtime.GOOS == "windows" || strings.HasPrefix(setting, Credential) || !mode.IsRegular() || mode.Perm()&anybody == 0 {
		return "", nil
	}
	return fmt.Sprintf("%s can be read by others (mode %04o); chmod 600 keeps it a secret", setting, mode.Perm()), nil
}
