// Package gate holds the guards that judge what a client sends before the backend gets any of it ([flow.Gate]).
//
// A page in a browser can send HTTP requests to every port of the host that the browser runs on. Before a database the
// guard lets no HTTP request through; before an HTTP service it lets through those alone whose Host and Origin are on a
// list, and none that two readers could understand in two ways.
package gate
