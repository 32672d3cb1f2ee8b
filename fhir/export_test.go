package fhir

// AppendFHIR is AppendFHIRType for a document that states its resource type.
func (c *Converter) AppendFHIR(dst, doc []byte) []byte {
	return c.document(dst, doc, toFHIR, c.rootNode(doc))
}
