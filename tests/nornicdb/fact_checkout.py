"""A checkout of the same structure as NornicDB's, with other words, as small as every kind of fact allows."""

from pathlib import Path

APOC = """package apoc

import (
	"github.com/x/nornicdb/apoc/list"
	textutil "github.com/x/nornicdb/apoc/text"
)

func registerAll() {
	register("apoc.list.total", "list", list.Total, "Adds up", []string{"apoc.list.total([1]) => 1"})
	// register("apoc.list.gone", "list", list.Gone, "", nil)
	register("apoc.list.firstOf", "list", list.FirstOf, "Takes one", []string{})
	register("apoc.text.same", "text", textutil.Same, "Compares", []string{})
	register("apoc.text.knownInline", "text", textutil.Odd, "Odd", []string{})
	register("apoc.list.walk", "list", list.Walk, "Walks", []string{})
}
"""
LIST = """package list

// Total adds.
func Total(values []any) float64 { return 0 }

func FirstOf(values []interface{}) interface{} { return nil }

func Walk(start, end string, depth ...int) ([]string, error) { return nil, nil }
"""
TEXT = """package textutil

func Same(a, b string) string { return a }

func Odd(a string, flag bool) string { return a }
"""
HELPERS = """package cypher

func (e *Executor) tryCallPluginFunction(expr string) (interface{}, bool) {
	handler, found := PluginFunctionLookup(strings.ToLower(expr))
	return handler, found
}

func callPluginHandler(handler interface{}, args []interface{}) (interface{}, error) {
	switch fn := handler.(type) {
	case func([]interface{}) float64:
		return fn(nil), nil
	case func([]interface{}) interface{}:
		return fn(nil), nil
	case func(string,
		string) string:
		return fn("", ""), nil
	}
	return nil, nil
}
"""
PLUGINS = """package nornicdb

func GetPluginFunction(name string) (PluginFunction, bool) {
	fn, ok := pluginFunctions[name]
	return fn, ok
}
"""
CALL = """package cypher

func (e *Executor) executeCall(ctx context.Context, cypher string) (*Result, error) {
	upper := strings.ToUpper(cypher)
	switch {
	case strings.Contains(upper, "DB.THINGS"):
		return e.callThings()
	case strings.Contains(upper, "APOC.LIST.WALK"):
		return e.callWalk()
	}
	return nil, nil
}

func other(upper string) bool {
	switch {
	case strings.Contains(upper, "NO.PROCEDURE"):
		return true
	}
	return false
}
"""
SHOW = """package cypher

func (e *Executor) executeShowProcedures(ctx context.Context, cypher string) (*Result, error) {
	procedures := [][]interface{}{
		// a comment
		{"db.things", "db.things() :: (thing :: STRING)", "Lists things", "READ", false},
		{"db.dreams", "db.dreams() :: (dream :: STRING)", "Lists dreams", "READ", false},
	}
	return &Result{Rows: procedures}, nil
}

func (e *Executor) executeShowFunctions(ctx context.Context, cypher string) (*Result, error) {
	functions := [][]interface{}{
		{"toShort", "toShort(text :: STRING) :: STRING", "Shortens", false, false, false},
		{"dreamOf", "dreamOf(text :: STRING) :: STRING", "Dreams", false, false, false},
	}
	return &Result{Rows: functions}, nil
}
"""
EVALUATE = """package cypher

func (e *Executor) evaluate(expr string) interface{} {
	if matchFuncStartAndSuffix(expr, "toshort") {
		return 1
	}
	if isFunctionCall(expr, "apoc.text.knowninline") {
		return 2
	}
	if isFunctionCallWS(expr, "id") {
		return 4
	}
	if lowerExpr == "now()" {
		return 3
	}
	return nil
}

func init() {
	Register("id", evaluateID)
}
"""
PATTERNS = r"""package cypher

var (
	constraintNamed = regexp.MustCompile(`(?i)CREATE\s+CONSTRAINT\s+(\w+)(?:\s+IF\s+NOT\s+EXISTS)?\s+IS\s+UNIQUE`)
	indexNamed = regexp.MustCompile(`(?i)CREATE\s+INDEX\s+(\w+)\s+ON\s+\(([^)]+)\)`)
	fulltextIndexPattern = regexp.MustCompile(`(?is)^\s*CREATE\s+FULLTEXT\s+INDEX\s+(` + identifier + `)\s*$`)
	vectorSize = regexp.MustCompile(`vector\.size[:\s]+(\d+)`)
	durationPattern = regexp.MustCompile(`(\d+)([YMD])`)
)

const identifier = "`[^`]+`|\\w+"
"""
CONFIG = """package config

type YAMLConfig struct {
	Server struct {
		Port  int    `yaml:"port"`
		Quiet bool   `yaml:"quiet,omitempty"`
		Name  string `yaml:"name"`
		Both  int    `yaml:"both"`
		TLS   struct {
			Wait string `yaml:"wait"`
		} `yaml:"tls"`
	} `yaml:"server"`
}

func legacyLoad() *Config {
	config.Server.Old = getEnvInt("NORNICDB_OLD", 3)
	return config
}

func LoadDefaults() *Config {
	config := &Config{}
	config.Server.Port = 7000
	config.Server.Wait = 30 * time.Second
	config.Server.Size = 4 * 1024
	config.Server.Secret = makeSecret()
	config.Server.Hosts = []string{"a", "b"}
	return config
}

func applyEnvVars(config *Config) {
	if v := getEnvInt("NORNICDB_PORT", 0); v > 0 {
		config.Server.Port = v
	} else if v := getEnvInt("NEO4J_port", 0); v > 0 {
		config.Server.Port = v
	}
	if getEnv("NORNICDB_QUIET", "") == "true" {
		config.Server.Quiet = true
	}
	if v := getEnvDuration("NORNICDB_WAIT", 0); v > 0 {
		config.Server.Wait = v
	}
	if v := os.Getenv("NORNICDB_SIZE"); v != "" {
		config.Server.Size = getEnvInt("NORNICDB_SIZE", 1)
	}
	if v := getEnv("NORNICDB_SECRET", ""); v != "" {
		config.Server.Secret = v
	}
	config.Server.Hosts = getEnvStringSlice("NORNICDB_HOSTS", config.Server.Hosts)
}

func LoadFromFile(path string) (*Config, error) {
	if yamlCfg.Server.Port > 0 {
		config.Server.Port = yamlCfg.Server.Port
	}
	config.Server.Quiet = yamlCfg.Server.Quiet
	if yamlCfg.Server.Both > 0 {
		config.Server.Port = yamlCfg.Server.Both
		config.Server.Size = yamlCfg.Server.Both
	}
	if yamlCfg.Server.TLS.Wait != "" {
		if d, err := time.ParseDuration(yamlCfg.Server.TLS.Wait); err == nil {
			config.Server.Wait = d
		}
	}
	return config, nil
}
"""
FLAGS = """package config

const (
	// EnvTrace turns tracing on
	EnvTrace = "NORNICDB_TRACE"
	EnvSafe  = "NORNICDB_SAFE"
)

func init() {
	applyEnvVars(nil)
	if env := os.Getenv(EnvTrace); env == "true" || env == "1" {
		trace.Store(true)
	}
	if env := os.Getenv(EnvSafe); env == "false" || env == "0" {
		safe.Store(false)
	}
}
"""
MAIN = """package main

func main() {
	flags.String("address", getEnvStr("NORNICDB_ADDRESS", "127.0.0.1"), "address")
	flags.Float("ratio", envutil.GetFloat("NORNICDB_RATIO", -0.5), "ratio")
	flags.Int("mixed", getEnvInt("NORNICDB_MIXED", 1)+getEnvInt("NORNICDB_MIXED", 2), "mixed")
}
"""
AUTH = """package auth

const (
	PermRead  Permission = "read"
	PermAdmin Permission = "admin:all"
)
"""
ROUTER = """package server

func (s *Server) routes(mux *http.ServeMux) {
	mux.HandleFunc("/open", s.handleOpen)
	mux.HandleFunc("/closed", s.withAuth(s.handleClosed, auth.PermRead))
	// mux.HandleFunc("/gone", s.handleGone)
	mux.Handle("/inner", s.withAuth(func(w http.ResponseWriter, r *http.Request) {
		s.serve(w, r)
	}, auth.PermAdmin))
}
"""
TOOLS = """package mcp

func GetToolDefinitions() []Tool {
	return GetToolDefinitionsFor("")
}

func GetToolDefinitionsFor(database string) []Tool {
	return []Tool{
		keepTool(database),
	}
}

func databaseSchema(database string) map[string]interface{} {
	schema := map[string]interface{}{"type": "string"}
	return schema
}

func keepTool(database string) Tool {
	schema := map[string]interface{}{
		"type": "object",
		"properties": map[string]interface{}{
			"content": map[string]interface{}{"type": "string"},
			"kind":    map[string]interface{}{"type": "string", "enum": []string{"note", "task"}, "default": "note"},
			"limit":   map[string]interface{}{"type": "integer", "default": 10},
			"where":   databaseSchema(database),
		},
		"required": []string{"content"},
	}
	schemaJSON, _ := json.Marshal(schema)
	return Tool{
		Name:        "keep",
		Description: "Keeps",
		InputSchema: schemaJSON,
	}
}
"""
TEST = """package cypher

func TestThings(t *testing.T) {
	result, err := exec.Execute(ctx, "MATCH (n) RETURN n", nil)
	require.NoError(t, err)
	assert.Len(t, result.Rows, 2)

	_, err = exec.Execute(ctx, "MATCH (n RETURN n", nil)
	if err == nil {
		t.Error("wanted an error")
	}

	query := `
		MATCH (n)
		RETURN count(n)
	`
	counted, err := exec.Execute(ctx, query, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(counted.Rows) != 1 {
		t.Fatal("one row")
	}
	if _, err := exec.Execute(ctx, "CREATE (n)", nil); err != nil {
		t.Fatal(err)
	}
	for _, each := range queries {
		exec.Execute(ctx, each, nil)
	}
	exec.Execute(ctx, "RETURN 1", nil)
}
"""
DOCUMENT = """# Guide

## Ask

```cypher
MATCH (n)
RETURN n
```

```bash
# not a heading
```

1. Indented

   ```Cypher
   RETURN 1
   ```

````markdown
```cypher
RETURN 'in another block'
```
````
"""
FILES = {
    "apoc/apoc.go": APOC,
    "apoc/list/list.go": LIST,
    "apoc/text/text.go": TEXT,
    "pkg/cypher/functions_helpers.go": HELPERS,
    "pkg/nornicdb/plugins.go": PLUGINS,
    "pkg/cypher/call.go": CALL,
    "pkg/cypher/executor_show.go": SHOW,
    "pkg/cypher/evaluate.go": EVALUATE,
    "pkg/cypher/regex_patterns.go": PATTERNS,
    "pkg/config/config.go": CONFIG,
    "pkg/config/flags.go": FLAGS,
    "cmd/main.go": MAIN,
    "pkg/auth/auth.go": AUTH,
    "pkg/server/router.go": ROUTER,
    "pkg/mcp/tools.go": TOOLS,
    "pkg/cypher/things_test.go": TEST,
    "docs/guide.md": DOCUMENT,
}


def write_checkout(root: Path, name: str = "", old: str = "", new: str = "") -> Path:
    """Writes the checkout; in the file `name`, the text `old` is exchanged."""
    for file, text in FILES.items():
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        if file == name:
            assert old in text
            text = text.replace(old, new, 1)
        path.write_text(text, encoding="utf-8", newline="")
    return root
