// Checks what is in deploy/ with the libraries of the programs that read it:
//
//	deploy-check lint CHART [VALUES.yaml…]     as `helm lint --strict`
//	deploy-check template CHART INPUT.json     as `helm install --dry-run`, or an upgrade if the cluster has objects
//	deploy-check compose FILE…                 as `docker compose config`
//
// `template` prints a JSON document: the manifests, each decoded strictly into its API type, and the notes. `compose`
// prints the project as JSON.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"sort"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	"sigs.k8s.io/yaml"
)

const namespace = "llm"

// input of `template`.
type input struct {
	Values map[string]any `json:"values"`
	// Objects that the cluster already has: what `lookup` finds.
	Existing []map[string]any `json:"existing"`
}

type output struct {
	Manifests []map[string]any `json:"manifests"`
	Notes     string           `json:"notes"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) >= 2 && args[0] == "lint":
		return lintChart(args[1], args[2:])
	case len(args) == 3 && args[0] == "template":
		return template(args[1], args[2])
	case len(args) >= 2 && args[0] == "compose":
		return compose(args[1:])
	default:
		return fmt.Errorf("usage: deploy-check lint CHART [VALUES.yaml…] | template CHART INPUT.json | compose FILE…")
	}
}

func lintChart(folder string, files []string) error {
	values := map[string]any{}
	for _, file := range files {
		more, err := chartutil.ReadValuesFile(file)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		values = chartutil.MergeTables(more, values)
	}
	problems := []string{}
	for _, message := range lint.All(folder, values, namespace, true).Messages {
		if message.Severity >= support.WarningSev {
			problems = append(problems, message.Error())
		}
	}
	if len(problems) > 0 {
		return fmt.Errorf("%s", strings.Join(problems, "\n"))
	}
	return nil
}

func readInput(file string) (input, error) {
	read := input{}
	text, err := os.ReadFile(file)
	if err != nil {
		return read, err
	}
	return read, json.Unmarshal(text, &read)
}

func template(folder, file string) error {
	given, err := readInput(file)
	if err != nil {
		return err
	}
	loaded, err := loader.Load(folder)
	if err != nil {
		return err
	}
	rendered, err := render(loaded, given)
	if err != nil {
		return err
	}
	result := output{Manifests: []map[string]any{}}
	for _, name := range sorted(rendered) {
		if path.Base(name) == "NOTES.txt" {
			result.Notes += rendered[name]
			continue
		}
		manifests, err := decode(rendered[name])
		if err != nil {
			return fmt.Errorf("%s: %w\n%s", name, err, rendered[name])
		}
		result.Manifests = append(result.Manifests, manifests...)
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}

func render(loaded *chart.Chart, given input) (map[string]string, error) {
	isUpgrade := len(given.Existing) > 0
	values, err := chartutil.ToRenderValues(loaded, given.Values, chartutil.ReleaseOptions{
		Name: "fleet", Namespace: namespace, Revision: 1, IsInstall: !isUpgrade, IsUpgrade: isUpgrade,
	}, chartutil.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	return engine.RenderWithClientProvider(loaded, values, cluster(given.Existing))
}

func sorted(rendered map[string]string) []string {
	names := make([]string, 0, len(rendered))
	for name := range rendered {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// decode reads the documents of a rendered template.
func decode(text string) ([]map[string]any, error) {
	manifests := []map[string]any{}
	for _, document := range strings.Split("\n"+text, "\n---") {
		manifest := map[string]any{}
		if err := yaml.UnmarshalStrict([]byte(document), &manifest); err != nil {
			return nil, err
		}
		if len(manifest) == 0 {
			continue
		}
		if err := decodeTyped([]byte(document)); err != nil {
			return nil, err
		}
		manifests = append(manifests, manifest)
	}
	return manifests, nil
}
