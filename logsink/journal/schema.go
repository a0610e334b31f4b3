package journal

import _ "embed" // for the schema

//go:embed schema.json
var schema string

// Schema is the JSON Schema (draft 2020-12) of a record. docs/record-format.md says more.
func Schema() string { return schema }
