package fhir

// settleCreatedAt makes an extension of the createdAt that was held back:
// the last of those that the meta has.
func (c *Converter) settleCreatedAt(dst []byte, waiting []held, claims []claimed) []byte {
	created := waiting[0]
	_, isString := c.heldString(created)
	if !isString || len(waiting) > 1 || len(claims) > 1 {
		c.reportAt(created.field, reasonCreatedAt)
		return c.putBackAll(dst, waiting)
	}
	value := c.src[created.value:stringEnd(c.src, created.value)]
	mark := len(dst)
	if len(claims) == 0 {
		if dst[mark-1] != '{' {
			dst = append(dst, ',')
		}
		dst = append(dst, `"extension":[`...)
		dst = append(append(dst, c.createdAt...), value...)
		return append(dst, '}', ']')
	}
	end := claims[0].end - 1 // the closing bracket
	if dst[end] != ']' {
		c.reportAt(created.field, reasonCreatedAt)
		return c.putBackAll(dst, waiting)
	}
	if dst[end-1] != '[' {
		dst = append(dst, ',')
	}
	dst = append(append(dst, c.createdAt...), value...)
	return c.moveTail(append(dst, '}'), end, mark)
}

// extract appends the extensions of a meta in Aidbox format: the one that
// carries createdAt becomes the member of that name, unless there is one.
func (c *Converter) extract(dst []byte, m member, f *field, claims int) ([]byte, int) {
	found, value := c.findCreatedAt(m.value)
	if value == nil || c.claimOf(claims, f.choice) >= 0 {
		return c.value(c.appendKey(dst, m), m.value, f)
	}
	start := len(dst)
	if dst[start-1] != '{' {
		dst = append(dst, ',')
	}
	dst = append(append(dst, `"createdAt":`...), value...)

	mark, count := len(dst), 0
	dst = append(c.appendKey(dst, m), '[')
	i := space(c.src, m.value+1)
	for at(c.src, i) != ']' && i < len(c.src) {
		if i == found {
			i = valueEnd(c.src, i)
		} else {
			if count++; count > 1 {
				dst = append(dst, ',')
			}
			dst, i = c.value(dst, i, f)
		}
		if i = space(c.src, i); at(c.src, i) == ',' {
			i = space(c.src, i+1)
		}
	}
	if dst = append(dst, ']'); count == 0 {
		dst = dst[:mark]
	}
	c.claims = append(c.claims, claimed{m, f.choice, start, len(dst), true})
	return dst, i + 1
}

// findCreatedAt looks in the array at src[i] for the extension that carries
// createdAt and nothing else. It returns where it starts, and its value.
func (c *Converter) findCreatedAt(i int) (start int, value []byte) {
	if at(c.src, i) != '[' {
		return 0, nil
	}
	for i = space(c.src, i+1); i < len(c.src); i = space(c.src, i+1) {
		if value = c.createdAtOf(i); value != nil {
			return i, value
		}
		if i = space(c.src, valueEnd(c.src, i)); at(c.src, i) != ',' {
			break
		}
	}
	return 0, nil
}

// createdAtOf returns the value of the extension at src[i] when that is
// createdAt's.
func (c *Converter) createdAtOf(i int) []byte {
	url, ok := findMember(c.src, i, "url")
	if !ok || !isString(c.src, url.value, c.options.CreatedAtURL) || countMembers(c.src, i) != 2 {
		return nil
	}
	instant, ok := findMember(c.src, i, "valueInstant")
	if !ok || at(c.src, instant.value) != '"' {
		return nil
	}
	return c.src[instant.value:stringEnd(c.src, instant.value)]
}
