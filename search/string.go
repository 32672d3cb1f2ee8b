package search

import (
	"strings"

	"github.com/seed-90096f4d/sluice/fhir"
)

// foldSQL takes the case and the accents away from a text. Accents are what
// Unicode lets stand apart from a letter, from U+0300 to U+036F. The database
// must be in UTF-8. Its locale says what lower does, and that of C knows ASCII
// alone, so the letters of other alphabets are named.
const foldSQL = "translate(lower(regexp_replace(normalize(%s, NFD), '[\u0300-\u036f]+', '', 'g')), '" +
	upperLetters + "', '" + lowerLetters + "')"

const (
	upperLetters = "ÆÐØÞĐĦŁŊŒŦΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩАБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯЂЄЅІЈЉЊЋЏҐҒҚҢҮҰҺӘӨԱԲԳԴԵԶԷԸԹԺԻԼԽԾԿՀՁՂՃՄՅՆՇՈՉՊՋՌՍՎՏՐՑՒՓՔՕՖ"
	lowerLetters = "æðøþđħłŋœŧαβγδεζηθικλμνξοπρστυφχψωабвгдежзиклмнопрстуфхцчшщъыьэюяђєѕіјљњћџґғқңүұһәөաբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆ"
)

// parts are the members of a name and of an address that a search looks at.
var parts = map[string][]string{
	"HumanName": {"text", "family", "given*", "prefix*", "suffix*"},
	"Address":   {"text", "line*", "city", "district", "state", "postalCode", "country"},
}

// stringValue compiles one value of a string parameter: what the text starts
// with, whatever the case and the accents; with a modifier what it contains or,
// to the letter, is.
func stringValue(place fhir.Place, modifier, text string) (predicate, error) {
	text = unescape(text)
	paths := []fhir.Path{place.Path}
	if names, ok := parts[place.Type]; ok {
		paths = nil
		for _, name := range names {
			paths = append(paths, below(place.Path, name))
		}
	}
	switch modifier {
	case "exact":
		equal := make([]predicate, len(paths))
		for i, path := range paths {
			equal[i] = contains(path, text)
		}
		return either(equal), nil
	case "":
		return anyText(paths, "starts_with("+fold("t.v")+", "+fold("%s")+")", text), nil
	case "contains":
		return anyText(paths, "strpos("+fold("t.v")+", "+fold("%s")+") > 0", text), nil
	}
	return nil, unsupportedModifier(modifier, "missing, exact, contains")
}

func fold(expression string) string { return strings.Replace(foldSQL, "%s", expression, 1) }

// anyText asks whether a string t.v at one of the paths meets a condition, in
// which %s is the text.
func anyText(paths []fhir.Path, condition, text string) predicate {
	return func(root string, args *arguments) string {
		met := strings.ReplaceAll(condition, "%s", args.bind(text, "text"))
		return "EXISTS (SELECT FROM (" + texts(root, paths) + ") AS t WHERE " + met + ")"
	}
}
