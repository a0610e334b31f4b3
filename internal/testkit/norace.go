//go:build !race

package testkit

// raceDetector says that the tests run without the race detector.
const raceDetector = false
