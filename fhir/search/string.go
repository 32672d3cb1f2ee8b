package search

import (
	"strings"

	"github.com/seed-90096f4d/sluice/fhir/search/params"
	"github.com/seed-90096f4d/sluice/sqltext"
)

// foldSQL takes the case, the accents and the differences of compatible characters,
// such as ligatures, away from a text. The database must be in UTF-8. Its locale says
// what lower does: that of C knows only ASCII, that of Turkish an i without a dot, and
// others the sigma at the end of a word. So the letters of other alphabets are named.
const foldSQL = "replace(replace(replace(replace(translate(lower(regexp_replace(normalize({text}, NFKD), '[" + marks + "]+', '', 'g')), '" +
	upperLetters + plainFrom + "', '" + lowerLetters + plainTo + "'), 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th')"

const (
	// marks are the accents of letters, Hebrew points and Arabic vowel signs.
	marks = "\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u064b-\u065f\u0670\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"

	upperLetters = "ẞÆŒÞΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩАБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯЂЄЅІЈЉЊЋЏҐҒҚҢҮҰҺӘӨԱԲԳԴԵԶԷԸԹԺԻԼԽԾԿՀՁՂՃՄՅՆՇՈՉՊՋՌՍՎՏՐՑՒՓՔՕՖ"
	lowerLetters = "ßæœþαβγδεζηθικλμνξοπρστυφχψωабвгдежзиклмнопрстуфхцчшщъыьэюяђєѕіјљњћџґғқңүұһәөաբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆ"

	// What Unicode does not take apart: letters with a stroke, and variants of one.
	plainFrom = "ςıøØłŁđĐðÐħĦŧŦŋŊ"
	plainTo   = "σioollddddhhttnn"
)

// Fold returns a text as a search for strings compares it, given as an SQL expression.
func Fold(expression sqltext.Fragment) sqltext.Fragment {
	return sqltext.New(foldSQL, sqltext.Values{"text": expression})
}

// parts are the members of a name and of an address that a search looks at.
var parts = map[string][]string{
	"HumanName": {"text", "family", "given*", "prefix*", "suffix*"},
	"Address":   {"text", "line*", "city", "district", "state", "postalCode", "country"},
}

// stringValue compiles one value of a string parameter: what the text starts
// with, whatever the case and the accents; with a modifier what it contains or,
// to the letter, is.
func stringValue(element params.Element, modifier, text string) (predicate, error) {
	text = unescape(text)
	paths := []params.Path{element.Path}
	if names, ok := parts[element.Type]; ok {
		paths = nil
		for _, name := range names {
			paths = append(paths, below(element.Path, name))
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
		return anyText(paths, "starts_with({folded}, {wanted})", text), nil
	case "contains":
		return anyText(paths, "strpos({folded}, {wanted}) > 0", text), nil
	}
	return predicate{}, unsupportedModifier(modifier, "missing, exact, contains")
}

// anyText returns whether a string t.v at one of the paths meets a condition, in which
// {text} is the text, {wanted} the same folded, and {folded} the string folded.
func anyText(paths []params.Path, condition, text string) predicate {
	argument := sqltext.Arg(text, "text")
	met := sqltext.New(condition, sqltext.Values{
		"text":   argument,
		"wanted": Fold(argument),
		"folded": Fold(sqltext.Text("t.v")),
	})
	return sqltext.New("EXISTS (SELECT FROM ({texts}) AS t WHERE {met})", sqltext.Values{"texts": texts(paths), "met": met})
}

// uriValue compiles one value of a uri parameter: the URI itself; with a
// modifier those below it (it and what follows it after a slash) or above it.
func uriValue(element params.Element, modifier, text string) (predicate, error) {
	text = unescape(text)
	if modifier == "" {
		return contains(element.Path, text), nil
	}
	if strings.HasPrefix(text, "urn:") {
		return predicate{}, invalid("%q has no path to be above or below", text)
	}
	switch modifier {
	case "below":
		return matches(element.Path, `@ == $uri || @ starts with $below`,
			map[string]any{"uri": text, "below": strings.TrimSuffix(text, "/") + "/"}), nil
	case "above":
		return anyText([]params.Path{element.Path}, `(t.v = {text} OR starts_with({text}, rtrim(t.v, '/') || '/'))`, text), nil
	}
	return predicate{}, unsupportedModifier(modifier, "missing, above, below")
}
