// Package replay plays what the clients of a recording asked against a backend, and compares what comes with what was
// recorded.
//
// One Player reads the recording and drives the sessions, one connection each, in the recorded interleaving. What is
// spoken is a Protocol: it cuts the two streams of a session into exchanges, logs in anew, and says what two answers
// differ in.
package replay
