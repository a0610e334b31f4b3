// Package mysql reads the client/server protocol of MySQL and MariaDB as it passes: Decoder tells what was asked and what
// came of it, Redactor overwrites what is secret in a copy of the bytes.
//
// The protocol is that of MySQL 4.1 and later (MySQL Source Code Documentation, "Client/Server Protocol"; MariaDB
// documentation, "Client/Server Protocol"). Packets have a header of 4 bytes: 3 of length, the less significant byte
// first, and one of sequence. What a packet is depends on what went before, so both directions are followed by one
// dialogue: the server greets, the client logs in, and then every command has its answers, in order.
//
// Nothing is kept of what has no need to be read: rows, files and parameters are counted by their headers. Compressed
// streams and protocols before 4.1 are not read, which is an error; of an encrypted one nothing can be.
package mysql
