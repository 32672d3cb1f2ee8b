package jsonb

// AppendLimited is AppendValue with a limit of the length of the text.
var AppendLimited = appendLimited

// MaxDepth is the maximum depth of containers.
const MaxDepth = maxDepth
