// Package backend lets a recording answer in a service's place: what clients ask is looked up among the questions of the
// recording, and what was answered there is answered again, byte for byte.
//
// A client follows one recorded session at a time, onward from question to question. What that session has not got is
// looked for in the others, those first that began as the client did. What no session has is answered with an error
// that says so.
package backend
