package fhir

// AppendFHIR is AppendFHIRType for a document that says its resource type itself.
func (c *Converter) AppendFHIR(dst, doc []byte) []byte {
	return c.document(dst, doc, toFHIR, c.typeOf(doc))
}
