package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/lodoor/lodoor/proxy/flow"
)

const cursorDir = "cursors"

// cursor is the file that says up to where a feed's records are delivered.
type cursor struct {
	path    string
	durable bool // it has to survive the death of the machine
}

// cursorText is what the file has.
type cursorText struct {
	Journal string `json:"journal"`
	Epoch   string `json:"epoch"`
	Seq     uint64 `json:"seq"`
}

var (
	errCursor       = errors.New("the cursor cannot be read")
	errOtherJournal = errors.New("the cursor is of another journal")
)

func (j *Journal) cursor(name string) *cursor {
	return &cursor{
		path: filepath.Join(j.Dir(), cursorDir, name+".json"), durable: j.durability == DurabilityDisk,
	}
}

// read returns the zero identity when there is no file. An error that is errCursor says that the file has something
// else: a machine that died can leave it empty.
func (c *cursor) read(journal string) (id flow.Identity, err error) {
	data, err := os.ReadFile(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		return id, nil
	}
	if err != nil {
		return id, err
	}
	var text cursorText
	if err := json.Unmarshal(data, &text); err != nil {
		return id, fmt.Errorf("%s: %w: %w", c.path, errCursor, err)
	}
	if text.Journal != journal {
		return id, fmt.Errorf("%s: %w, %q: expected this one, %q (remove the file to deliver this journal from its "+
			"beginning)", c.path, errOtherJournal, text.Journal, journal)
	}
	return flow.Identity(text), nil
}

// write replaces the file: at any time there is the old one or the new one. The directory of cursors is made only now: a
// disk that is full when lodoor starts is no reason not to.
func (c *cursor) write(id flow.Identity) error {
	data, err := json.Marshal(cursorText(id))
	if err != nil {
		return err
	}
	temporary := c.path + temporarySuffix
	f, err := openCursor(temporary)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(filepath.Dir(c.path), 0o700); err == nil {
			f, err = openCursor(temporary)
		}
	}
	if err != nil {
		return err
	}
	_, err = f.Write(append(data, '\n'))
	if err == nil && c.durable {
		err = syncData(f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(temporary, c.path)
}

func openCursor(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
}
