package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/proxy/flow"
)

// File is a recording that is being written. One goroutine at a time uses it, but for OnDisk.
//
// What Flush was called for survives the death of the process, except for the last 64 KiB of an encrypted file. Nothing
// is forced to the disk, so the death of the machine can take what the system has not written yet.
type File struct {
	store *Store
	name  block.FileName
	began time.Time
	sink  sink
	stage stage // nil when it could not begin

	written int64
	err     error // of the first write that failed
}

// Path is where the file is, or will be, when it is finished. Only Close can still change it, when somebody else has
// taken the name.
func (f *File) Path() string { return f.store.path(finished(f.name)) }

// Part is where the file is until it is closed.
func (f *File) Part() string { return f.store.path(f.name) }

// begin makes the file.
func (f *File) begin() (err error) {
	for {
		if f.sink.media, err = f.store.config.Create(f.Part()); err == nil {
			break
		}
		f.store.release(f.name)
		if !errors.Is(err, errTaken) {
			return err
		}
		f.name = f.store.reserve(finished(f.name))
	}
	if f.stage, err = f.store.config.stages(&f.sink); err != nil {
		return errors.Join(err, f.Close())
	}
	return nil
}

// Append adds a block whose middle, which may be empty, is lent: it has to stay as it is until Flush or Close returns. The
// head alone may be several blocks.
func (f *File) Append(head, lent, tail []byte) error {
	if f.err != nil {
		return f.err
	}
	length := len(head) + len(lent) + len(tail)
	if err := f.add(length, head, lent, tail); err != nil {
		return f.failed(err)
	}
	f.written += int64(length)
	return nil
}

func (f *File) add(length int, head, lent, tail []byte) error {
	if err := f.stage.Begin(length); err != nil {
		return err
	}
	if _, err := f.stage.Write(head); err != nil {
		return err
	}
	if err := f.stage.Lend(lent); err != nil {
		return err
	}
	_, err := f.stage.Write(tail)
	return err
}

// Lent says whether it holds what was lent to it.
func (f *File) Lent() bool { return f.err == nil && f.stage.Lent() }

// Flush hands what was appended to the system.
func (f *File) Flush() error {
	if f.err != nil {
		return f.err
	}
	if err := f.stage.Flush(); err != nil {
		return f.failed(err)
	}
	return nil
}

func (f *File) failed(err error) error {
	f.err = fmt.Errorf("write %s: %w", f.Path(), err)
	return f.err
}

// Written is how many bytes of blocks were appended.
func (f *File) Written() int64 { return f.written }

// OnDisk is how many bytes the system has of the file as it stands on the disk, compressed and encrypted.
func (f *File) OnDisk() int64 { return f.sink.good.Load() }

// Due says whether another file should follow: it has reached the size or the age that was set, or so much that the
// directory could not make room by removing whole files.
func (f *File) Due(now time.Time) bool {
	c := &f.store.config
	size := flow.Size(f.OnDisk())
	return c.RotateSize > 0 && size >= c.RotateSize ||
		c.RotateAge > 0 && now.Sub(f.began) >= c.RotateAge ||
		c.WhenFull == WhenFullOldest && c.MaxTotal > 0 && size >= c.MaxTotal/headroom
}

// Close finishes the file and gives it its name. After a failed write it is cut after the last one that did not fail,
// which of a plain file is its last whole block. One that somebody has removed meanwhile stays removed. The error is the
// first one of a write, or that of closing.
func (f *File) Close() error {
	defer f.store.release(f.name)
	if f.stage != nil && f.err == nil {
		if err := f.stage.Close(); err != nil {
			_ = f.failed(err)
		}
	}
	errs := []error{f.err}
	if f.err != nil {
		if err := f.sink.media.Truncate(f.OnDisk()); err != nil {
			errs = append(errs, fmt.Errorf("cut %s after its last whole block: %w", f.Path(), err))
		}
	}
	part, name := f.Part(), finished(f.name)
	if f.OnDisk() > 0 {
		published, err := f.store.publish(part, name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return errors.Join(append(errs, fmt.Errorf("name %s: %w", f.Path(), err), f.sink.media.Close())...)
		}
		name = published
	}
	if err := f.sink.media.Close(); err != nil {
		errs = append(errs, fmt.Errorf("close %s: %w", f.Path(), err))
	}
	f.name = name
	return errors.Join(append(errs, removeIfThere(part))...)
}

// publish gives a file its final name, or the first free one behind it. It is called while the file is locked; the
// temporary name is the caller's to remove, when the file is closed, since not every system removes an open one.
func (s *Store) publish(part string, name block.FileName) (block.FileName, error) {
	for ; ; name.N = following(name.N) {
		path := s.path(name)
		err := os.Link(part, path)
		switch {
		case err == nil, sameFile(part, path):
			return name, nil
		case errors.Is(err, fs.ErrNotExist):
			return name, err
		case errors.Is(err, fs.ErrExist):
			continue
		}
		// The file system has no second names for a file, or other trouble.
		switch _, err := os.Lstat(path); {
		case errors.Is(err, fs.ErrNotExist):
			return name, os.Rename(part, path)
		case err != nil:
			return name, err
		}
	}
}

func sameFile(a, b string) bool {
	first, err := os.Lstat(a)
	if err != nil {
		return false
	}
	second, err := os.Lstat(b)
	return err == nil && os.SameFile(first, second)
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
