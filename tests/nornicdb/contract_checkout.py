"""The sources of a contract, of the same structure as NornicDB's with other words, as they were at first and later."""

from nornicdb.checkout import HANDLER_FILE, PLUGIN_FILE, REVIEW_FILE, TYPES_FILE, WATCHER_FILE

TYPES = r"""package heimdall

const DefaultMaxSystemPromptTokens = 5000

const (
	// Four bytes are a token.
	TokensPerChar = 0.25
)

func BuildPrompt(messages []ChatMessage) string {
	var prompt string
	for _, msg := range messages {
		switch msg.Role {
		case "system":
			prompt += "<|im_start|>system\n" + msg.Content + "<|im_end|>\n"
		case "user":
			prompt += "<|im_start|>user\n" + msg.Content + "<|im_end|>\n"
		case "assistant":
			prompt += "<|im_start|>assistant\n" + msg.Content + "<|im_end|>\n"
		}
	}
	prompt += "<|im_start|>assistant\n"
	return prompt
}

func (p *PromptContext) buildFullPrompt() string {
	var sb strings.Builder

	// a comment
	sb.WriteString(`I am the "guardian".
I keep \n as it is.

`)
	sb.WriteString("CAN:\n")
	sb.WriteString(p.ActionPrompt)
	sb.WriteString("\n")
	sb.WriteString(CypherPrimer)
	sb.WriteString("\n")
	sb.WriteString("MODES\n" + ("\t→ \"one\" \u00e9\n"))
	if p.AdditionalInstructions != "" {
		sb.WriteString("MORE:\n")
		sb.WriteString(p.AdditionalInstructions)
	}
	if len(p.Examples) > 0 {
		sb.WriteString("FOR EXAMPLE:\n")
		for _, ex := range p.Examples {
			sb.WriteString(fmt.Sprintf("User: \"%s\"\n→ %s\n\n", ex.UserSays, ex.ActionJSON))
		}
	}
	sb.WriteString("ONLY JSON\n")
	return sb.String()
}

func (p *PromptContext) buildMinimalPrompt() string {
	var sb strings.Builder
	sb.WriteString("Guardian.\n\n")
	sb.WriteString("CAN:\n")
	sb.WriteString(p.ActionPrompt)
	sb.WriteString("\nASK WITH {}\n")
	sb.WriteString("ONLY JSON\n")
	return sb.String()
}

const CypherPrimer = `CYPHER:
  MATCH (n)
`
"""

HANDLER = """package heimdall

func defaultExamples() []PromptExample {
	return []PromptExample{
		// === GROUP ===
		{UserSays: "all well?", ActionJSON: `{"action": "heimdall.status", "params": {}}`},
		{UserSays: "what's there", ActionJSON: `{"action": "heimdall.help", "params": {}}`},
	}
}
"""

PLUGIN = r"""package heimdall

func (m *SubsystemManager) RegisterPlugin(p HeimdallPlugin, path string, builtin bool) error {
	for actionName, action := range p.Actions() {
		fullName := fmt.Sprintf("heimdall.%s.%s", name, actionName)
		m.actions[fullName] = action
	}
	return nil
}

func BuiltinActions() []ActionFunc {
	return []ActionFunc{
		{
			Name:        "heimdall.help",
			Description: "Lists " + "things",
			Category:    "system",
			Handler: func(ctx ActionContext) (*ActionResult, error) {
				return &ActionResult{Success: true, Message: "listed"}, nil
			},
		},
		{Name: "heimdall.status", Description: "Counts things", Category: "system", Handler: statusHandler},
	}
}

func ActionPrompt() string {
	var prompt string
	for category, actions := range ActionCatalog() {
		prompt += fmt.Sprintf("## %s\n", category)
		for _, action := range actions {
			prompt += fmt.Sprintf("- %s: %s\n", action.Name, action.Description)
		}
		prompt += "\n"
	}
	return prompt
}
"""

WATCHER = """package heimdall

func (p *WatcherPlugin) Name() string {
	return "watcher"
}

func (p *WatcherPlugin) Actions() map[string]heimdall.ActionFunc {
	return map[string]heimdall.ActionFunc{
		"query": {
			Description: "Asks the graph",
			Category:    "database",
			Handler:     p.actionQuery,
		},
		"forge": {Description: "Makes a thing", Category: "", Handler: p.actionForge},
	}
}

func (p *WatcherPlugin) actionQuery(ctx heimdall.ActionContext) (*heimdall.ActionResult, error) {
	return nil, nil
}

func (p *WatcherPlugin) actionForge(ctx heimdall.ActionContext) (*heimdall.ActionResult, error) {
	size := 1
	if s, ok := ctx.Params["size"].(float64); ok && s > 0 {
		size = int(s)
	}
	if s, ok := ctx.Params["size"].(int); ok {
		size = s
	}
	kind, _ := ctx.Params["kind"].(string)
	parts, _ := ctx.Params["parts"].([]interface{})
	return p.forge(size, kind, parts), nil
}

func (p *WatcherPlugin) PrePrompt(ctx *heimdall.PromptContext) error {
	if p.ctx == nil {
		ctx.Notify("a", "b")
	}
	ctx.Examples = append(ctx.Examples,
		heimdall.PromptExample{
			UserSays:   "make a thing",
			ActionJSON: `{"action": "heimdall.watcher.forge", "params": {}}`,
		},
	)
	return nil
}
"""

REVIEW = r"""package inference

const HeimdallSystemPrompt = `Judge the links.
One object.`

const HeimdallAugmentSystemPrompt = HeimdallSystemPrompt + `
Or add some.`

func (h *HeimdallQC) buildBatchPrompt(req *HeimdallBatchRequest) string {
	var sb strings.Builder
	sb.WriteString(fmt.Sprintf("SRC:%s%v\n", req.SourceNode.ID, req.SourceNode.Labels))
	for k, v := range req.SourceNode.Props {
		sb.WriteString(fmt.Sprintf(" %s:%s\n", k, truncateStr(v, h.config.MaxNodeSummaryLen)))
	}
	sb.WriteString("EDGES:\n")
	for i, c := range req.Candidates {
		sb.WriteString(fmt.Sprintf("%d.%s→%s(%.0f%%)\n", i, c.TargetID, c.Type, c.Confidence*100))
	}
	if req.AllowAugment && len(req.CandidatePool) > 0 {
		sb.WriteString("POOL:")
		for _, n := range req.CandidatePool {
			sb.WriteString(fmt.Sprintf("%s,", n.ID))
		}
		sb.WriteString("\n")
	}
	return sb.String()
}
"""

FILES = {REVIEW_FILE: REVIEW, TYPES_FILE: TYPES, HANDLER_FILE: HANDLER, PLUGIN_FILE: PLUGIN, WATCHER_FILE: WATCHER}

# The same as NornicDB has it since February 2026: other names, JSON schemas, and everything comes from the plugin.
LATER_TYPES = (
    TYPES.replace(
        '\tsb.WriteString("MODES',
        """\tif len(p.ExternalTools) > 0 {
		sb.WriteString("TOOLS OF THE CLIENT:\\n")
		sb.WriteString(p.externalToolsPrompt())
	}
	sb.WriteString("MODES""",
    )
    .replace("(p.AdditionalInstructions)\n", '(p.AdditionalInstructions)\n\t\tsb.WriteString("\\n" + "--\\n")\n')
    .replace('"ONLY JSON\\n")\n\treturn', '"ONLY JSON\\n")\n\tsb.WriteString("ONE LINE\\n")\n\treturn')
)
LATER_HANDLER = """package heimdall

func (h *Handler) handleChatCompletions(w http.ResponseWriter, r *http.Request) {
	promptCtx := &PromptContext{
		ActionPrompt: ActionPrompt(),
		Examples:     nil, // plugins add them
	}
	CallPrePromptHooks(promptCtx)
}
"""
LATER_PLUGIN = (
    PLUGIN[: PLUGIN.index("func BuiltinActions")].replace("heimdall.%s.%s", "heimdall_%s_%s")
    + "func RegisterBuiltinAction(action ActionFunc) {}\n\n"
    + PLUGIN[PLUGIN.index("func ActionPrompt") :]
)
LATER_WATCHER = (
    WATCHER.replace("heimdall.watcher.", "heimdall_watcher_")
    .replace('"database",\n', '"database",\n\t\t\tInputSchema: querySchema,\n')
    .replace(
        "func (p *WatcherPlugin) Actions",
        """// querySchema says what query takes.
var querySchema = json.RawMessage([]byte(`{"type":"object","properties":{"cypher":{"type":"string"},
"dry":{"type":"boolean"},"limit":{"type":"integer"}},"required":["cypher"]}`))

func (p *WatcherPlugin) Actions""",
    )
    .replace(
        "\tctx.Examples",
        """\tif found != "" {
		ctx.AdditionalInstructions += found
	}
	ctx.AdditionalInstructions += "\\nALWAYS:\\n"
	ctx.AdditionalInstructions += "- be \\"brief\\"\\n"
	ctx.Examples""",
    )
)
LATER_FILES = {
    REVIEW_FILE: REVIEW,
    TYPES_FILE: LATER_TYPES,
    HANDLER_FILE: LATER_HANDLER,
    PLUGIN_FILE: LATER_PLUGIN,
    WATCHER_FILE: LATER_WATCHER,
}
