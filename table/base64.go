package table

import "encoding/base64"

// checkBase64 checks base64 text, which may contain white space.
func checkBase64(text []byte) string {
	const problem = "text that is not base64"
	symbols, padding := 0, 0
	for _, b := range text {
		switch {
		case isSpace(b):
		case b == '=':
			padding++
		case padding > 0 || !isSymbol[b]:
			return problem
		default:
			symbols++
		}
	}
	if padding > 2 || (symbols+padding)%4 != 0 {
		return problem
	}
	return ""
}

// appendBinary appends the bytes of base64 text that was checked.
func appendBinary(dst, text []byte) []byte {
	decoded, err := base64.StdEncoding.AppendDecode(dst, text)
	if err == nil {
		return decoded
	}
	compact := make([]byte, 0, len(text))
	for _, b := range text {
		if !isSpace(b) {
			compact = append(compact, b)
		}
	}
	decoded, _ = base64.StdEncoding.AppendDecode(dst, compact)
	return decoded
}

func isSpace(b byte) bool { return b == ' ' || b == '\n' || b == '\r' || b == '\t' }

// isSymbol has the alphabet of base64.
var isSymbol = func() (symbols [256]bool) {
	for _, b := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		symbols[b] = true
	}
	return symbols
}()
