package configs

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/rules"
)

// Schema is a JSON Schema (draft 2020-12) of the configuration file, for editors: made of the settings themselves, with
// what the reference says of each.
func Schema() ([]byte, error) {
	said, err := descriptions()
	if err != nil {
		return nil, err
	}
	schema := schemaOf(configType(), "", said)
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["title"] = "lodoor"
	schema["description"] = "Configuration of lodoor, the door on lo"
	b, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the schema: %w", err)
	}
	return append(b, '\n'), nil
}

func schemaOf(t reflect.Type, path string, said map[string]string) map[string]any {
	switch {
	case t.Kind() == reflect.Pointer:
		return schemaOf(t.Elem(), path, said)
	case isLeaf(t):
		return leafSchema(t)
	case t.Kind() == reflect.Slice:
		list := map[string]any{"type": []string{"array", "null"}, "items": schemaOf(t.Elem(), path+"[]", said)}
		if oneOrMany(t) {
			list["type"] = "array"
			return map[string]any{"oneOf": []any{leafSchema(t.Elem()), list}}
		}
		return list
	default:
		return tableSchema(t, path, said)
	}
}

func tableSchema(t reflect.Type, path string, said map[string]string) map[string]any {
	properties := make(map[string]any)
	for _, f := range fieldsOf(t) {
		at := child(path, f.name)
		if onlyEnvironment(at) {
			continue
		}
		property := schemaOf(f.typ, at, said)
		if text := said[at]; text != "" {
			property["description"] = text
		}
		properties[f.name] = property
	}
	table := map[string]any{"type": []string{"object", "null"}, "properties": properties, "additionalProperties": false}
	if t == reflect.TypeFor[Service]() {
		table["type"], table["required"] = "object", []string{"name", "listen", "backend"}
	}
	return table
}

func leafSchema(t reflect.Type) map[string]any {
	if words := wordsOf(t); len(words) > 0 {
		return map[string]any{"enum": words}
	}
	switch t {
	case reflect.TypeFor[time.Duration]():
		return map[string]any{"type": "string", "pattern": `^([0-9]+d)?([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))*$`, "minLength": 2}
	case reflect.TypeFor[flow.Size](), reflect.TypeFor[flow.Endpoint]():
		return map[string]any{"type": []string{"string", "integer"}}
	case reflect.TypeFor[rules.ForwarderName]():
		return map[string]any{"type": []string{"string", "boolean"}}
	}
	switch v := reflect.New(t).Elem(); {
	case isText(t), t.Kind() == reflect.String:
		return map[string]any{"type": "string"}
	case t.Kind() == reflect.Bool:
		return map[string]any{"type": "boolean"}
	case v.CanFloat():
		return map[string]any{"type": "number", "minimum": 0}
	default:
		return map[string]any{"type": "integer", "minimum": 0}
	}
}
