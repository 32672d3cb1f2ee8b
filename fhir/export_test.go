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

// AppendFHIRLimited is AppendFHIRStored with this limit of the length of the output.
func (c *Converter) AppendFHIRLimited(dst []byte, resourceType string, doc []byte, limit int, replace ...Replacement) ([]byte, error) {
	return c.appendFHIR(dst, resourceType, document{src: doc, stored: true, limit: len(dst) + limit}, replace)
}
