package fhir

// AppendFHIR is AppendFHIRType for a document that states its resource type.
func (c *Converter) AppendFHIR(dst, doc []byte) []byte {
	text := document{src: doc}
	dst, err := c.document(dst, text, toFHIR, c.rootNode(text))
	if err != nil {
		return append(dst, doc...)
	}
	return dst
}
