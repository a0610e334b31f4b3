// Package control is how commands speak to a door that runs: HTTP over a Unix socket that only the door's own user and
// root can use.
//
// Every door has one socket, NAME.sock in a directory that [Dir] finds; NAME is the instance. What is asked is in
// [Handler], who asks in [Client]. Answers are JSON; what went wrong is an object with "error".
package control
