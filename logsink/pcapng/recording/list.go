package recording

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/lodoor/lodoor/logsink/pcapng/block"
)

// Info is what a recording is, as far as it can be told without reading all of it.
type Info struct {
	Path    string
	Service string
	Label   string // why it was made; of a black box
	// Began is the time of the first packet, or that in the file's name where the packets cannot be read; zero when there
	// is neither. Changed is when the file was last written.
	Began, Changed        time.Time
	Size                  int64 // on the disk
	Compressed, Encrypted bool
	// Unfinished says that it is being written, or was left by a crash.
	Unfinished bool
}

// List lists the recordings in a directory, the oldest first. Files that are called like recordings and are none are
// not listed; of those that cannot be read the errors are joined, and the rest is listed.
func List(dir string) ([]Info, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list the recordings: %w", err)
	}
	var out []Info
	var errs []error
	for _, e := range entries {
		name, ours := block.ParseFileName(e.Name())
		if !ours && !block.IsRecording(e.Name()) || !e.Type().IsRegular() {
			continue
		}
		info, err := look(filepath.Join(dir, e.Name()), name)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, ErrForeign): // removed meanwhile, or somebody else's
		case err != nil:
			errs = append(errs, err)
		default:
			out = append(out, info)
		}
	}
	slices.SortFunc(out, func(a, b Info) int {
		return cmp.Or(a.Began.Compare(b.Began), cmp.Compare(a.Path, b.Path))
	})
	return out, errors.Join(errs...)
}

// Look tells what one file is. The error is ErrForeign of one that is no recording.
func Look(path string) (Info, error) {
	name, _ := block.ParseFileName(filepath.Base(path))
	return look(path, name)
}

// look reads a recording up to its first packet.
func look(path string, name block.FileName) (Info, error) {
	i := Info{
		Path: path, Service: name.Service, Label: name.Label, Began: name.Began, Compressed: name.Compressed,
		Encrypted: name.Encrypted, Unfinished: name.Unfinished(),
	}
	stat, err := os.Stat(path)
	if err != nil {
		return i, fmt.Errorf("look at the recording: %w", err)
	}
	i.Size, i.Changed = stat.Size(), stat.ModTime()
	r, err := Open(path, Options{})
	if errors.Is(err, ErrEncrypted) {
		i.Encrypted = true
		return i, nil
	}
	if err != nil {
		return i, err
	}
	defer func() { _ = r.Close() }()
	i.Compressed = r.source.compressed
	for {
		b, err := r.step()
		switch {
		case errors.Is(err, ErrForeign), err != nil && errors.As(err, new(*fs.PathError)):
			return i, err
		case err != nil:
			return i, nil // it has no packet
		case b.Kind == block.KindInterface:
			i.Service = serviceOf(b.Interface.Name)
		case b.Kind == block.KindPacket:
			i.Began = b.Packet.At
			return i, nil
		}
	}
}
