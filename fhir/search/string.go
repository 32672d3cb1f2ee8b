package search

import (
	"strings"

	"github.com/seed-90096f4d/sluice/fhir/search/params"
	"github.com/seed-90096f4d/sluice/sqltext"
)

// foldSQL removes case, accents and the differences of compatible characters, such as
// ligatures, from a text. The encoding of the database must be UTF-8. The result of lower
// depends on the locale: C has only ASCII, Turkish an i without a dot, others the sigma at
// the end of a word. Therefore the letters of other alphabets are listed.
const foldSQL = "replace(replace(replace(replace(translate(lower(regexp_replace(normalize({text}, NFKD), '[" + marks + "]+', '', 'g')), '" +
	upperLetters + plainFrom + "', '" + lowerLetters + plainTo + "'), 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th')"

const (
	// marks are the accents of letters, Hebrew points and Arabic vowel signs.
	marks = "\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u064b-\u065f\u0670\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"

	upperLetters = "ẞÆŒÞΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩАБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯЂЄЅІЈЉЊЋЏҐҒҚҢҮҰҺӘӨԱԲԳԴԵԶԷԸԹԺԻԼԽԾԿՀՁՂՃՄՅՆՇՈՉՊՋՌՍՎՏՐՑՒՓՔՕՖ"
	lowerLetters = "ßæœþαβγδεζηθικλμνξοπρστυφχψωабвгдежзиклмнопрстуфхцчшщъыьэюяђєѕіјљњћџґғқңүұһәөաբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆ"

	// Letters that Unicode does not decompose: those with a stroke, and variants.
	plainFrom = "ςıøØłŁđĐðÐħĦŧŦŋŊ"
	plainTo   = "σioollddddhhttnn"
)

// Fold returns an SQL expression of type text in the form in which searches compare
// strings.
func Fold(expression sqltext.Fragment) sqltext.Fragment {
	return sqltext.New(foldSQL, sqltext.Values{"text": expression})
}

// parts are the members of a name and of an address that a search compares.
var parts = map[string][]string{
	"HumanName": {"text", "family", "given*", "prefix*", "suffix*"},
	"Address":   {"text", "line*", "city", "district", "state", "postalCode", "country"},
}

// stringValue compiles a value of a string parameter: the folded prefix of the text, or
// with a modifier a folded part of it, or the exact text.
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

// anyText matches if a string t.v at one of the paths meets a condition, in which {text}
// is the text of the search, {wanted} the same folded, and {folded} the folded string.
func anyText(paths []params.Path, condition, text string) predicate {
	argument := sqltext.Arg(text, "text")
	met := sqltext.New(condition, sqltext.Values{
		"text":   argument,
		"wanted": Fold(argument),
		"folded": Fold(sqltext.Text("t.v")),
	})
	return sqltext.New("EXISTS (SELECT FROM ({texts}) AS t WHERE {met})", sqltext.Values{"texts": texts(paths), "met": met})
}

// uriValue compiles a value of a uri parameter: the URI, or with a modifier the URIs below
// it (itself and those that continue after a slash) or above it.
func uriValue(element params.Element, modifier, text string) (predicate, error) {
	text = unescape(text)
	if modifier == "" {
		return contains(element.Path, text), nil
	}
	if strings.HasPrefix(text, "urn:") {
		return predicate{}, invalid("invalid URL %q: the modifiers above and below require a URL with a path", text)
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
