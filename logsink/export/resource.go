package export

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
)

// resource is who exports, as OpenTelemetry's semantic conventions name it. The SDK adds OTEL_RESOURCE_ATTRIBUTES to
// it; they do not replace what is here.
func (f From) resource() *resource.Resource {
	attributes := []attribute.KeyValue{attribute.String("service.name", "lodoor")}
	for _, kv := range []struct{ key, value string }{
		{"service.version", f.Version}, {"host.name", f.Host.Name}, {"host.id", f.Host.ID},
	} {
		if kv.value != "" {
			attributes = append(attributes, attribute.String(kv.key, kv.value))
		}
	}
	return resource.NewSchemaless(attributes...)
}
