package main

import (
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	rbac "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/fake"
)

// The API groups of the chart; a kind of another group is refused.
var known = runtime.NewScheme()

func init() {
	for _, add := range []func(*runtime.Scheme) error{
		core.AddToScheme, apps.AddToScheme, rbac.AddToScheme, networking.AddToScheme, monitoring.AddToScheme,
	} {
		utilruntime.Must(add(known))
	}
}

// decodeTyped reads a manifest as the API server does with strict field validation: unknown and repeated fields, and
// values of a wrong type, are errors.
func decodeTyped(document []byte) error {
	_, _, err := serializer.NewCodecFactory(known, serializer.EnableStrict).UniversalDeserializer().Decode(document, nil, nil)
	return err
}

// cluster answers `lookup` from a list of objects.
type cluster []map[string]any

func (existing cluster) GetClientFor(apiVersion, kind string) (dynamic.NamespaceableResourceInterface, bool, error) {
	objects := []runtime.Object{}
	for _, object := range existing {
		objects = append(objects, &unstructured.Unstructured{Object: object})
	}
	resource := schema.FromAPIVersionAndKind(apiVersion, kind).GroupVersion().WithResource("secrets")
	return fake.NewSimpleDynamicClient(known, objects...).Resource(resource), true, nil
}
