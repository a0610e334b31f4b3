//go:build race

package testkit

// raceDetector says that the tests run with the race detector; the program that they start is then built with it too.
const raceDetector = true
