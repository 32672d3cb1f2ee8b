package search_test

import (
	"encoding/json"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/fhir/search/params"
)

// wish is a value of a search, and the oracle's function that reports whether a stored
// value matches it.
type wish struct {
	modifier string
	text     string
	fits     func(element params.Element, value any) bool
}

var escapes = strings.NewReplacer(`\`, `\\`, `,`, `\,`, `|`, `\|`, `$`, `\$`)

func escape(s string) string { return escapes.Replace(s) }

// generator generates searches from stored documents.
type generator struct{ *rand.Rand }

func (g generator) pick(all ...string) string { return all[g.IntN(len(all))] }

var prefixes = []string{"", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"}

// wish returns a wish for a parameter of a type from a value of one of its elements. ok
// is false if the value has nothing to search for.
func (g generator) wish(parameterType string, element params.Element, value any) (wish, bool) {
	switch parameterType {
	case "token":
		return g.token(element, value)
	case "reference":
		return g.reference(element, value)
	case "string":
		return g.string(element, value)
	case "uri":
		return g.uri(value)
	case "date":
		return g.date(element, value)
	case "number", "quantity":
		return g.number(parameterType, element, value)
	}
	return wish{}, false
}

func (g generator) token(element params.Element, value any) (wish, bool) {
	object, _ := value.(map[string]any)
	if element.Type == "CodeableConcept" {
		codings := each(value, "coding")
		if len(codings) == 0 {
			return wish{}, false
		}
		object, _ = codings[g.IntN(len(codings))].(map[string]any)
	}
	system, code := text(object["system"]), text(object["code"])
	switch element.Type {
	case "CodeableConcept", "Coding":
	case "Identifier", "ContactPoint":
		code = text(object["value"])
	case "boolean":
		system, code = "", map[any]string{true: "true", false: "false"}[value]
	default:
		system, code = "", text(value)
	}
	plainType := object == nil
	bar := !plainType && g.IntN(3) > 0
	if bar && g.IntN(4) == 0 && system != "" {
		code = ""
	} else if g.IntN(3) == 0 {
		system = ""
	}
	w := wish{modifier: g.pick("", "", "", "not"), text: escape(code)}
	if bar {
		w.text = escape(system) + "|" + w.text
	} else {
		system = ""
	}
	w.fits = func(element params.Element, value any) bool { return isToken(element.Type, value, system, code, bar) }
	return w, code != "" || bar && system != ""
}

func (g generator) reference(element params.Element, value any) (wish, bool) {
	if element.Type != "Reference" {
		url, _, _ := strings.Cut(text(value), "|")
		return wish{text: escape(url), fits: func(element params.Element, value any) bool {
			found, _, _ := strings.Cut(text(value), "|")
			if element.Type == "Reference" {
				r := referenceOf(value)
				found = r.url
				if !strings.Contains(url, ":") {
					found = r.id
				}
			}
			return found == url
		}}, url != "" && (strings.Contains(url, ":") || !strings.ContainsAny(url, "/#"))
	}
	target := referenceOf(value)
	wanted := func(ok func(reference) bool) func(params.Element, any) bool {
		return func(element params.Element, value any) bool {
			return element.Type == "Reference" && ok(referenceOf(value))
		}
	}
	object, _ := value.(map[string]any)
	identifier, _ := object["identifier"].(map[string]any)
	switch {
	case text(identifier["value"]) != "":
		system, value := text(identifier["system"]), text(identifier["value"])
		return wish{"identifier", escape(system) + "|" + escape(value), func(_ params.Element, item any) bool {
			for _, found := range each(item, "identifier") {
				if isToken("Identifier", found, system, value, true) {
					return true
				}
			}
			return false
		}}, true
	case target.url != "" && target.id == "":
		return wish{"", escape(target.url), wanted(func(r reference) bool { return r.url == target.url })}, strings.Contains(target.url, ":")
	case target.id == "" || !fhir.R4().IsResourceType(target.resourceType):
		return wish{}, false
	}
	same := wanted(func(r reference) bool { return r.resourceType == target.resourceType && r.id == target.id })
	switch g.IntN(4) {
	case 0:
		return wish{"", target.resourceType + "/" + escape(target.id), same}, true
	case 1:
		return wish{target.resourceType, escape(target.id), same}, true
	case 2:
		if target.url != "" {
			return wish{"", escape(target.url), wanted(func(r reference) bool { return r.url == target.url })}, true
		}
	}
	return wish{"", escape(target.id), wanted(func(r reference) bool { return r.id == target.id })}, !strings.Contains(target.id, ":")
}

func (g generator) string(element params.Element, value any) (wish, bool) {
	all := stringsOf(element.Type, value)
	if len(all) == 0 {
		return wish{}, false
	}
	s := all[g.IntN(len(all))]
	if len(s) > 60 {
		s = strings.ToValidUTF8(s[:60], "")
	}
	any := func(ok func(string) bool) func(params.Element, any) bool {
		return func(element params.Element, value any) bool {
			return slices.ContainsFunc(stringsOf(element.Type, value), ok)
		}
	}
	if g.IntN(2) == 0 {
		s = g.pick(strings.ToUpper(s), strings.ToLower(s), plain(s))
	}
	switch g.IntN(3) {
	case 0:
		return wish{"exact", escape(s), any(func(found string) bool { return found == s })}, s != ""
	case 1:
		_, size := utf8.DecodeRuneInString(s)
		s = s[size:]
		return wish{"contains", escape(s), any(func(found string) bool { return strings.Contains(plain(found), plain(s)) })}, s != ""
	}
	s = strings.ToValidUTF8(s[:len(s)-g.IntN(len(s)+1)/2], "")
	return wish{"", escape(s), any(func(found string) bool { return strings.HasPrefix(plain(found), plain(s)) })}, s != ""
}

func (g generator) uri(value any) (wish, bool) {
	s := text(value)
	under := func(longer, shorter string) bool {
		return longer == shorter || strings.HasPrefix(longer, strings.TrimSuffix(shorter, "/")+"/")
	}
	switch {
	case strings.HasPrefix(s, "urn:") || g.IntN(2) == 0:
		return wish{"", escape(s), func(_ params.Element, value any) bool { return text(value) == s }}, s != ""
	case g.IntN(2) == 0:
		if cut := strings.LastIndexByte(s, '/'); cut > 0 {
			s = s[:cut]
		}
		return wish{"below", escape(s), func(_ params.Element, value any) bool { return under(text(value), s) }}, s != ""
	}
	s += g.pick("", "/more")
	return wish{"above", escape(s), func(_ params.Element, value any) bool { return text(value) != "" && under(s, text(value)) }}, s != ""
}

func (g generator) date(element params.Element, value any) (wish, bool) {
	stored, ok := stretchOf(element.Type, value)
	if !ok {
		return wish{}, false
	}
	at := stored.low
	if at == nil || stored.high != nil && g.IntN(2) == 0 {
		at = stored.high
	}
	layout := g.pick("2006", "2006-01", "2006-01-02", "2006-01-02", "2006-01-02T15:04Z", "2006-01-02T15:04:05Z", "2006-01-02T15:04:05.000Z")
	s := at.Format(layout)
	length := map[string]func() stretchT{
		"2006-01-02T15:04Z":        func() stretchT { return span(s, layout, 60e9) },
		"2006-01-02T15:04:05Z":     func() stretchT { return span(s, layout, 1e9) },
		"2006-01-02T15:04:05.000Z": func() stretchT { return span(s, layout, 1e6) },
	}
	wanted, _ := moments(s)
	if special, ok := length[layout]; ok {
		wanted = special()
	}
	prefix := g.pick(prefixes...)
	return wish{"", prefix + s, func(element params.Element, value any) bool {
		stored, ok := stretchOf(element.Type, value)
		return ok && compares(prefix, stored, wanted)
	}}, true
}

func (g generator) number(parameterType string, element params.Element, value any) (wish, bool) {
	object, _ := value.(map[string]any)
	unit := object
	number, _ := value.(json.Number)
	if element.Type == "Range" {
		unit, _ = each(value, "low", "high")[0].(map[string]any)
		object = unit
	}
	if object != nil {
		number, _ = object["value"].(json.Number)
	}
	if number == "" || len(number) > 30 {
		return wish{}, false
	}
	n := number.String()
	if g.IntN(4) == 0 && !strings.ContainsAny(n, ".eE") {
		n = g.pick(n+".0", n+"0", n+"e0", n+".5")
	}
	prefix := g.pick(prefixes...)
	w := wish{text: prefix + n}
	var system, code string
	if parameterType == "quantity" {
		code = text(unit["code"])
		if element.Type == "Money" {
			code = text(unit["currency"])
		}
		switch g.IntN(4) {
		case 0:
			system = text(unit["system"])
		case 1:
			code = text(unit["unit"])
		case 2:
			system, code = text(unit["system"]), ""
		case 3:
			code = ""
		}
		if system != "" || code != "" {
			w.text += "|" + escape(system) + "|" + escape(code)
		}
	}
	w.fits = func(element params.Element, value any) bool {
		stored, ok := numbersOf(element.Type, value)
		return ok && comparesNumber(prefix, stored, n) && hasUnit(element.Type, value, system, code)
	}
	return w, true
}

// query is a search by one parameter, and the oracle's function for it.
type query struct {
	text string
	fits func(document) bool
}

// query returns a search by a parameter from the documents of a type. ok is false if
// none has its elements.
func (g generator) query(p params.Parameter, documents []document) (query, bool) {
	element, root := p.Elements[g.IntN(len(p.Elements))], documents[g.IntN(len(documents))]
	values := found(root, element.Path)
	if g.IntN(12) == 0 && p.Type != "composite" {
		return missing(p, g.IntN(2) == 0), true
	}
	if len(values) == 0 {
		return query{}, false
	}
	var w wish
	var ok bool
	if p.Type == "composite" {
		w, ok = g.composite(element, values[g.IntN(len(values))])
	} else {
		w, ok = g.wish(p.Type, element, values[g.IntN(len(values))])
	}
	if !ok {
		return query{}, false
	}
	name, texts := p.Name, w.text
	if w.modifier != "" {
		name += ":" + w.modifier
	}
	fits := w.fits
	if g.IntN(3) == 0 && w.modifier == "" { // another value
		other := documents[g.IntN(len(documents))]
		if values := found(other, element.Path); len(values) > 0 && p.Type != "composite" {
			if second, ok := g.wish(p.Type, element, values[0]); ok && second.modifier == "" {
				texts += "," + second.text
				fits = func(element params.Element, value any) bool {
					return w.fits(element, value) || second.fits(element, value)
				}
			}
		}
	}
	return query{url.PathEscape(name) + "=" + strings.NewReplacer("&", "%26", "+", "%2B").Replace(url.PathEscape(texts)), func(d document) bool {
		return anywhere(p, d, fits) != (w.modifier == "not")
	}}, true
}

// composite returns a wish for each component from one value.
func (g generator) composite(element params.Element, value any) (wish, bool) {
	count := element.Components[len(element.Components)-1].Number + 1
	wishes := make([]wish, count)
	for number := range wishes {
		ok := false
		for _, part := range element.Components {
			values := found(value, part.Element.Path)
			if part.Number != number || len(values) == 0 {
				continue
			}
			for range 10 {
				if wishes[number], ok = g.wish(part.Type, part.Element, values[0]); ok && wishes[number].modifier == "" {
					break
				}
				ok = false
			}
		}
		if !ok {
			return wish{}, false
		}
	}
	texts := make([]string, count)
	for i, w := range wishes {
		texts[i] = w.text
	}
	return wish{text: strings.Join(texts, "$"), fits: func(element params.Element, value any) bool {
		for number, w := range wishes {
			ok := false
			for _, part := range element.Components {
				for _, v := range found(value, part.Element.Path) {
					ok = ok || part.Number == number && w.fits(part.Element, v)
				}
			}
			if !ok {
				return false
			}
		}
		return true
	}}, true
}

func missing(p params.Parameter, wanted bool) query {
	anything := func(params.Element, any) bool { return true }
	name := map[bool]string{true: ":missing=true", false: ":missing=false"}[wanted]
	return query{p.Name + name, func(d document) bool { return anywhere(p, d, anything) != wanted }}
}

// anywhere reports whether a value of one of the parameter's elements matches.
func anywhere(p params.Parameter, d document, fits func(params.Element, any) bool) bool {
	for _, element := range p.Elements {
		for _, value := range found(d, element.Path) {
			if fits(element, value) {
				return true
			}
		}
	}
	return false
}
