package main

import (
	"context"
	"errors"
	"io"
)

func (f *whoFlags) port(context.Context, io.Writer, uint16) error { return errors.ErrUnsupported }
